/** The value below which this part of the samples lies; the nearest rank. */
export function quantile(samples: readonly number[], part: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(part * sorted.length) - 1))] ?? Number.NaN;
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

/** `1.52 (1.47–1.60)`: the median of the rounds and their spread. */
export function withSpread(rounds: readonly number[], digits = 2): string {
  const [low, high] = [Math.min(...rounds), Math.max(...rounds)];
  return `${median(rounds).toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** What is to be reached; `wanted` says it in words, and is empty for a figure that is only told. */
export type Target = readonly [name: string, label: string, reached: (value: number) => boolean, wanted: string];

/** Prints the medians of the rounds against what is wanted; a miss makes the process exit with 1. @param found a figure of each round, by name */
export function reportTargets(targets: readonly Target[], found: Readonly<Record<string, readonly number[]>>, rounds: number): void {
  const rows = targets.map(([name, label, reached, wanted]) => {
    const values = found[name] ?? [];
    const ok = reached(median(values));
    if (!ok) process.exitCode = 1;
    return [label, withSpread(values), wanted, wanted === "" ? "" : ok ? "reached" : "MISSED"];
  });
  console.log(`\n${table([["", `median of ${rounds} (spread)`, "target", ""], ...rows])}`);
}
