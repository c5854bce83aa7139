/** What an expression may cost. Everything is counted in steps, not by the clock, so that the same expression always ends the same way. */
export const EXPRESSION_LIMITS = {
  /** Characters of one expression. */
  sourceLength: 32_768,
  /** Brackets and blocks open at once, and calls of macros. */
  nesting: 40,
  /** Operators, filters and members that follow each other in one tag. */
  operators: 1_000,
  /** Work for one evaluation: a node, an item of a list that is made or looked through, or `charactersPerStep` of a text that is. */
  steps: 50_000,
  /** The same for all expressions of one value that is filled in, as the fields of a block. */
  stepsTogether: 150_000,
  charactersPerStep: 100,
  /** Characters of a text that an expression makes, at any moment. */
  resultLength: 1_048_576,
  /** Numbers that one `range()` may give. */
  range: 10_000,
  /** Levels of a value that an expression makes. */
  depth: 64,
} as const;

const MOST_MESSAGE = 500;

/** An expression that cannot be read or evaluated. The message is for the workflow's author. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
  /** @param message is cut: it may name what the expression made */
  constructor(message: string, options?: ErrorOptions) {
    super(message.length > MOST_MESSAGE ? `${message.slice(0, MOST_MESSAGE)}…` : message, options);
  }
}

/** Counts the work of one evaluation. Callers spend before they do the work. */
export class Budget {
  #left: number;
  readonly #most: number;
  readonly #together: Budget | null;

  /** @param together pays too, for this and for others */
  constructor(together: Budget | null = null, most: number = EXPRESSION_LIMITS.steps) {
    this.#together = together;
    this.#most = most;
    this.#left = most;
  }

  /** @param steps may be a part of one, for work that is quicker than a step */
  spend(steps: number): void {
    this.#left -= steps;
    if (!(this.#left >= 0)) throw new ExpressionError(`takes more than ${this.#most} steps`);
    this.#together?.spend(steps);
  }

  /** Pays for looking through a text, which may be one of the run's own and of any length. @param length in characters */
  read(length: number): void {
    this.spend(length / EXPRESSION_LIMITS.charactersPerStep);
  }

  /** Pays for a text that is made. @param length in characters */
  spendText(length: number): void {
    this.checkLength(length);
    this.read(length);
  }

  /** Refuses a text that would be too long, and costs nothing: for a text that grows and is paid for at its end. */
  checkLength(length: number): void {
    if (length <= EXPRESSION_LIMITS.resultLength) return;
    throw new ExpressionError(`makes a text of more than ${EXPRESSION_LIMITS.resultLength} characters`);
  }
}
