// The four scenarios of `python -m benchmarks load` for k6. Type-checked, and never run: no k6 whose
// origin can be trusted was to be had.
//
//   k6 run -e URL=http://127.0.0.1:8080 -e SCENARIO=mixed -e PACE=2 scenarios.ts
import http, { type RefinedResponse, type ResponseType } from "k6/http";
import { check, sleep } from "k6";
import type { Options } from "k6/options";

const URL = __ENV.URL ?? "http://127.0.0.1:8080";
const NAME = __ENV.SCENARIO ?? "mixed";
const PACE_S = Number(__ENV.PACE ?? "6");
const USERS: Record<string, number> = { browse: 50, storm: 20, recommend: 10, mixed: 50 };
const WORDS = ["heist", "space war", "detective in paris", "robots", "true crime", "love in war"];
const GENRES = ["Action", "Comedy", "Drama", "Horror", "Romance", "Thriller"];
const PROFILES = ["action_fan", "documentary_enthusiast", "family_viewer"];

export const options: Options = {
  scenarios: {
    [NAME]: {
      executor: "constant-vus",
      vus: Number(__ENV.USERS ?? String(USERS[NAME] ?? 50)),
      duration: __ENV.DURATION ?? "5m",
    },
  },
  thresholds: {
    http_req_duration: ["p(95)<300"],
    "checks{kind:no 5xx}": ["rate==1"],
  },
};

interface Listed {
  titles: { id: string }[];
}

export function setup(): string[] {
  const found: string[] = [];
  for (let offset = 0; offset < 2000; offset += 100) {
    const page = http.get(`${URL}/v1/browse?k=100&offset=${offset}`).json() as unknown as Listed;
    found.push(...page.titles.map((title) => title.id));
    if (page.titles.length < 100) break;
  }
  return found;
}

// A rank below count by Zipf's law with exponent 1, by inverting its continuous form.
function rank(count: number): number {
  return Math.min(count - 1, Math.floor(Math.pow(count + 1, Math.random())) - 1);
}

function pick<T>(some: readonly T[]): T {
  return some[rank(some.length)] as T;
}

function get(path: string, kind: string): void {
  const answer: RefinedResponse<ResponseType | undefined> = http.get(URL + path, {
    tags: { name: kind },
  });
  check(answer, { "no 5xx": (got) => got.status < 500 }, { kind: "no 5xx" });
}

function title(ids: string[]): void {
  const path = `/v1/titles/${encodeURIComponent(pick(ids))}`;
  if (Math.random() < 0.9) get(path, "detail");
  else get(`${path}/availability`, "availability");
}

function search(): void {
  get(`/v1/search?q=${encodeURIComponent(pick(WORDS))}`, "search");
}

function recommend(): void {
  get(`/v1/recommendations?profile=${pick(PROFILES)}`, "recommend");
}

function mixed(ids: string[]): void {
  const at = Math.random();
  if (at < 0.4) get(`/v1/browse?genre=${pick(GENRES)}`, "metadata");
  else if (at < 0.7) search();
  else if (at < 0.9) title(ids);
  else recommend();
}

function storm(): void {
  const word = WORDS[Math.floor(Date.now() / 1000) % WORDS.length] as string;
  get(`/v1/search?q=${encodeURIComponent(word)}`, "search");
}

const SCENARIOS: Record<string, (ids: string[]) => void> = {
  browse: title,
  storm,
  recommend,
  mixed,
};

export default function (ids: string[]): void {
  const ask = SCENARIOS[NAME];
  if (ask === undefined) throw new Error(`expected a scenario, got ${NAME}`);
  ask(ids);
  if (PACE_S > 0) sleep(PACE_S);
}
