/** The platforms that a browser may say it runs on, as client hints spell them (`Sec-CH-UA-Platform`), with `navigator.platform` of each. */
export const PLATFORMS = {
  Windows: "Win32",
  macOS: "MacIntel",
  Linux: "Linux x86_64",
  Android: "Linux armv81",
  iOS: "iPhone",
  "Chrome OS": "Linux x86_64",
} as const;
export type Platform = keyof typeof PLATFORMS;

/** What a browser tells beside its user agent; CDP's `Emulation.UserAgentMetadata`. */
export interface ClientHints {
  readonly brands: { readonly brand: string; readonly version: string }[];
  readonly fullVersionList: { readonly brand: string; readonly version: string }[];
  readonly platform: string;
  readonly platformVersion: string;
  readonly architecture: string;
  readonly bitness: string;
  readonly model: string;
  readonly mobile: boolean;
}

/** Which platform a user agent names. */
export function platformOf(userAgent: string): Platform {
  if (/Windows/.test(userAgent)) return "Windows";
  if (/iPhone|iPad|iPod/.test(userAgent)) return "iOS";
  if (/Macintosh/.test(userAgent)) return "macOS";
  if (/Android/.test(userAgent)) return "Android";
  return /CrOS/.test(userAgent) ? "Chrome OS" : "Linux";
}

/**
 * The client hints that a browser with this user agent would send: a site that compares the two finds no contradiction.
 * @returns null for one that is not built on Chromium: Firefox and Safari send none
 */
export function clientHintsOf(userAgent: string, platform: Platform = platformOf(userAgent)): ClientHints | null {
  const chromium = /\b(?:Headless)?Chrome\/(\d+(?:\.\d+)*)/.exec(userAgent)?.[1];
  if (chromium === undefined || platform === "iOS") return null;
  const [name, version] = brandOf(userAgent, chromium);
  const brands = [
    ["Not_A Brand", "24.0.0.0"],
    ["Chromium", chromium],
    [name, version],
  ] as const;
  const mobile = /\bMobile\b/.test(userAgent);
  return {
    brands: brands.map(([brand, full]) => ({ brand, version: full.split(".")[0] ?? full })),
    fullVersionList: brands.map(([brand, full]) => ({ brand, version: full })),
    platform,
    platformVersion: platformVersionOf(userAgent, platform),
    architecture: platform === "Android" ? "" : "x86",
    bitness: platform === "Android" ? "" : "64",
    model: platform === "Android" ? (/Android [\d.]+; ([^;)]+?)(?: Build[^)]*)?\)/.exec(userAgent)?.[1] ?? "") : "",
    mobile,
  };
}

/** The product that a user agent ends with. */
function brandOf(userAgent: string, chromium: string): readonly [name: string, version: string] {
  const edge = /\bEdgA?\/([\d.]+)/.exec(userAgent)?.[1];
  if (edge !== undefined) return ["Microsoft Edge", edge];
  const opera = /\bOPR\/([\d.]+)/.exec(userAgent)?.[1];
  if (opera !== undefined) return ["Opera", opera];
  return [/HeadlessChrome/.test(userAgent) ? "HeadlessChrome" : "Google Chrome", chromium];
}

/** In three numbers, as Chromium sends it; empty on Linux, which sends none. */
function platformVersionOf(userAgent: string, platform: Platform): string {
  const patterns = { Windows: /Windows NT ([\d.]+)/, macOS: /Mac OS X ([\d_.]+)/, Android: /Android ([\d.]+)/ } as const;
  if (platform !== "Windows" && platform !== "macOS" && platform !== "Android") return "";
  const written = patterns[platform].exec(userAgent)?.[1]?.split(/[._]/) ?? [];
  return [0, 1, 2].map((place) => written[place] ?? "0").join(".");
}

/** `de-CH` → `de-CH,de`: the languages that a browser set to this locale asks for. */
export function languagesOf(locale: string): string {
  const [language] = locale.split("-");
  return language === undefined || language === locale ? locale : `${locale},${language}`;
}
