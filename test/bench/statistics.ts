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
