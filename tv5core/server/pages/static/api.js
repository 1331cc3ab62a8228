// Requests to the gateway's API, and its errors.

/** An answer that is a problem (RFC 9457), or no answer at all (status 0). */
export class ApiError extends Error {
  constructor(status, problem, retryAfterS) {
    super(problem.detail || problem.title || "no answer");
    this.status = status;
    this.title = problem.title || "";
    this.detail = problem.detail || "";
    this.requestId = problem.request_id || "";
    this.retryAfterS = retryAfterS;
  }
}

/** Return a path with its parameters; those without a value are left out. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/**
 * Get JSON.
 *
 * Returns the decoded body, and the tier that answered: full, cached or static.
 * Throws ApiError; an aborted request throws the AbortError of fetch.
 */
export async function get(path, parameters = {}, signal = undefined) {
  let response;
  try {
    response = await fetch(address(path, parameters), {
      signal,
      headers: { Accept: "application/json" },
      credentials: "same-origin",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { title: "The gateway cannot be reached" }, null);
  }
  const body = await decoded(response);
  if (!response.ok) throw new ApiError(response.status, body ?? {}, retryAfter(response));
  if (body === null) throw new ApiError(0, { title: "The answer was cut off" }, null);
  return { body, tier: response.headers.get("X-Tv5-Tier") || "full" };
}

async function decoded(response) {
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return null;
  }
}

function retryAfter(response) {
  const seconds = Number(response.headers.get("Retry-After"));
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 120) : null;
}
