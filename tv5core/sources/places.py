"""Codes for countries (ISO 3166-1 alpha-2) and languages (ISO 639-1) by their English names."""

from __future__ import annotations

import functools

from tv5core.sources.values import plain

__all__ = ["country", "language"]

# Code and names, the usual one first. Former states keep the codes that catalogues use for them.
_COUNTRIES = """
AD Andorra; AE United Arab Emirates|UAE; AF Afghanistan; AL Albania; AM Armenia; AO Angola
AQ Antarctica; AR Argentina; AT Austria; AU Australia; AW Aruba; AZ Azerbaijan
BA Bosnia and Herzegovina|Bosnia; BB Barbados; BD Bangladesh; BE Belgium; BF Burkina Faso
BG Bulgaria; BH Bahrain; BI Burundi; BJ Benin; BM Bermuda; BN Brunei|Brunei Darussalam; BO Bolivia
BR Brazil; BS Bahamas|The Bahamas; BT Bhutan; BW Botswana; BY Belarus; BZ Belize; CA Canada
CD Democratic Republic of the Congo|DR Congo; CF Central African Republic; CG Congo
CH Switzerland; CI Côte d'Ivoire|Cote d'Ivoire|Ivory Coast; CL Chile; CM Cameroon; CN China
CO Colombia; CR Costa Rica; CU Cuba; CV Cape Verde; CY Cyprus; CZ Czech Republic|Czechia
DE Germany|West Germany; DJ Djibouti; DK Denmark; DM Dominica; DO Dominican Republic; DZ Algeria
EC Ecuador; EE Estonia; EG Egypt; EH Western Sahara; ER Eritrea; ES Spain; ET Ethiopia; FI Finland
FJ Fiji; FM Micronesia; FO Faroe Islands|Faeroe Islands; FR France; GA Gabon
GB United Kingdom|UK|Great Britain|England|Scotland|Wales|Northern Ireland; GD Grenada; GE Georgia
GF French Guiana; GH Ghana; GI Gibraltar; GL Greenland; GM Gambia; GN Guinea
GP Guadeloupe|Guadaloupe; GQ Equatorial Guinea; GR Greece; GT Guatemala; GU Guam; GW Guinea-Bissau
GY Guyana; HK Hong Kong; HN Honduras; HR Croatia; HT Haiti; HU Hungary; ID Indonesia; IE Ireland
IL Israel; IN India; IQ Iraq; IR Iran|Islamic Republic of Iran; IS Iceland; IT Italy; JM Jamaica
JO Jordan; JP Japan; KE Kenya; KG Kyrgyzstan|Kyrgyz Republic; KH Cambodia; KI Kiribati; KM Comoros
KN Saint Kitts and Nevis|St. Kitts and Nevis; KP North Korea; KR South Korea|Korea|Republic of Korea
KW Kuwait; KY Cayman Islands; KZ Kazakhstan; LA Laos|Lao People's Democratic Republic; LB Lebanon
LC Saint Lucia|St. Lucia; LI Liechtenstein; LK Sri Lanka; LR Liberia; LS Lesotho; LT Lithuania
LU Luxembourg; LV Latvia; LY Libya|Libyan Arab Jamahiriya; MA Morocco; MC Monaco; MD Moldova
ME Montenegro; MG Madagascar; MH Marshall Islands; MK North Macedonia|Macedonia; ML Mali
MM Myanmar|Burma; MN Mongolia; MO Macao|Macau; MQ Martinique; MR Mauritania; MT Malta
MU Mauritius; MV Maldives; MW Malawi; MX Mexico; MY Malaysia; MZ Mozambique; NA Namibia
NC New Caledonia; NE Niger; NG Nigeria; NI Nicaragua; NL Netherlands|The Netherlands|Holland
NO Norway; NP Nepal; NZ New Zealand; OM Oman; PA Panama; PE Peru; PF French Polynesia
PG Papua New Guinea; PH Philippines|The Philippines; PK Pakistan; PL Poland; PR Puerto Rico
PS Palestine|Palestinian Territory|State of Palestine; PT Portugal; PY Paraguay; QA Qatar
RE Réunion|Reunion; RO Romania; RS Serbia; RU Russia|Russian Federation; RW Rwanda
SA Saudi Arabia; SB Solomon Islands; SC Seychelles; SD Sudan; SE Sweden; SG Singapore; SI Slovenia
SK Slovakia; SL Sierra Leone; SM San Marino; SN Senegal; SO Somalia; SR Suriname; SS South Sudan
SU Soviet Union|USSR; SV El Salvador; SY Syria|Syrian Arab Republic; SZ Eswatini|Swaziland; TD Chad
TG Togo; TH Thailand; TJ Tajikistan; TL Timor-Leste|East Timor; TM Turkmenistan; TN Tunisia
TO Tonga; TR Turkey|Türkiye; TT Trinidad and Tobago; TW Taiwan; TZ Tanzania; UA Ukraine; UG Uganda
US United States of America|United States|USA|U.S.A.|U.S.|America; UY Uruguay; UZ Uzbekistan
VA Vatican City|Holy See; VC Saint Vincent and the Grenadines; VE Venezuela; VN Vietnam|Viet Nam
VU Vanuatu; WS Samoa; XC Czechoslovakia; XG East Germany; XK Kosovo; YE Yemen
YU Yugoslavia; ZA South Africa; ZM Zambia; ZW Zimbabwe
"""
_LANGUAGES = """
aa Afar; ab Abkhazian; af Afrikaans; ak Akan; am Amharic; an Aragonese; ar Arabic; as Assamese
ay Aymara; az Azerbaijani; ba Bashkir; be Belarusian; bg Bulgarian; bi Bislama; bm Bambara
bn Bengali|Bangla; bo Tibetan; br Breton; bs Bosnian; ca Catalan; ce Chechen; co Corsican; cr Cree
cs Czech; cv Chuvash; cy Welsh; da Danish; de German; dv Divehi; dz Dzongkha; ee Ewe; el Greek
en English; eo Esperanto; es Spanish|Castilian; et Estonian; eu Basque; fa Persian|Farsi; ff Fulah
fi Finnish; fj Fijian; fo Faroese; fr French; fy Frisian; ga Irish; gd Gaelic|Scottish Gaelic
gl Galician; gn Guarani; gu Gujarati; ha Hausa; he Hebrew; hi Hindi; hr Croatian
ht Haitian|Haitian Creole; hu Hungarian; hy Armenian; id Indonesian; ig Igbo
is Icelandic; it Italian; iu Inuktitut; ja Japanese; jv Javanese; ka Georgian; kk Kazakh
kl Kalaallisut|Greenlandic; km Khmer; kn Kannada; ko Korean; ks Kashmiri; ku Kurdish; kw Cornish
ky Kirghiz|Kyrgyz; la Latin; lb Luxembourgish|Letzeburgesch; ln Lingala; lo Lao; lt Lithuanian
lv Latvian; mg Malagasy; mi Maori; mk Macedonian; ml Malayalam; mn Mongolian; mo Moldavian
mr Marathi; ms Malay; mt Maltese; my Burmese; nb Norwegian Bokmål; ne Nepali; nl Dutch|Flemish
nn Norwegian Nynorsk; no Norwegian; nv Navajo; ny Chichewa|Nyanja; oc Occitan; om Oromo; or Oriya
os Ossetian; pa Punjabi; pl Polish; ps Pashto|Pushto; pt Portuguese; qu Quechua; rm Romansh
ro Romanian; ru Russian; rw Kinyarwanda; sa Sanskrit; sd Sindhi; se Northern Sami; sh Serbo-Croatian
si Sinhalese|Sinhala; sk Slovak; sl Slovenian; sm Samoan; sn Shona; so Somali; sq Albanian
sr Serbian; st Sotho; su Sundanese; sv Swedish; sw Swahili; ta Tamil; te Telugu; tg Tajik; th Thai
ti Tigrinya; tk Turkmen; tl Tagalog|Filipino; tn Tswana; to Tonga; tr Turkish; ts Tsonga; tt Tatar
tw Twi; ug Uighur|Uyghur; uk Ukrainian; ur Urdu; uz Uzbek; vi Vietnamese; wo Wolof; xh Xhosa
yi Yiddish; yo Yoruba; zh Chinese|Mandarin|Cantonese|Mandarin Chinese; zu Zulu
"""
# Letters of a code, in both tables.
_CODE = 2
# TMDB writes cn for Cantonese and xx for films without speech; neither is ISO 639-1.
_OTHER_LANGUAGES = {"cn": "zh", "xx": "", "no language": ""}


def _by_name(table: str) -> dict[str, str]:
    known: dict[str, str] = {}
    for entry in (e.strip() for line in table.splitlines() for e in line.split(";")):
        code, _, written = entry.partition(" ")
        for name in written.split("|"):
            known[name.casefold()] = code
    return known


_COUNTRY_CODES = _by_name(_COUNTRIES)
_LANGUAGE_CODES = _by_name(_LANGUAGES)


@functools.lru_cache(maxsize=4096)
def country(name: str) -> str:
    """ISO 3166-1 alpha-2 code of a country; the source's own word where none is known."""
    word = plain(name)
    if len(word) == _CODE and word.isascii() and word.isalpha():
        return word.upper() if word.upper() != "UK" else "GB"
    return _COUNTRY_CODES.get(word.casefold(), word)


@functools.lru_cache(maxsize=4096)
def language(name: str) -> str:
    """ISO 639-1 code of a language; the source's own word where none is known."""
    word = plain(name)
    key = word.casefold()
    if key in _OTHER_LANGUAGES:
        return _OTHER_LANGUAGES[key]
    if len(key) == _CODE and key.isascii() and key.isalpha():
        return key
    # TMDB joins two names of one language: "Haitian; Haitian Creole".
    return _LANGUAGE_CODES.get(key.partition(";")[0], word)
