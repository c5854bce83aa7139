/**
 * Does the address match? `*` stands for any text without `/`, `**` for any text, everything else for itself. A pattern that begins with `/`
 * is matched from the path on, any other from the scheme on; one without `?` and `#` ignores what follows them in the address.
 */
export function matchesGlob(glob: string, url: string): boolean {
  const address = /[?#]/.test(glob) ? url : url.replace(/[?#].*$/s, "");
  const parts = glob
    .split(/(\*\*?)/)
    .map((part) => (part === "**" ? ".*" : part === "*" ? "[^/]*" : part.replaceAll(/[\\^$.+?()[\]{}|]/g, "\\$&")));
  const origin = glob.startsWith("/") ? "[^/]*//[^/]*" : "";
  return new RegExp(`^${origin}${parts.join("")}$`, "s").test(address);
}
