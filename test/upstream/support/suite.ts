/** What a suite of others is to the runner. */

export interface SuiteRun {
  /** Narrows what is run; each suite says what it means. */
  readonly only: string | undefined;
  /** Where reports and logs go. */
  readonly results: string;
}

export interface SuiteResult {
  readonly passed: number;
  readonly failures: readonly { readonly name: string; readonly why: string }[];
}

export interface UpstreamSuite {
  readonly name: string;
  /** One line: what it is and what it judges. */
  readonly text: string;
  /** Installs what it needs. Rejects when the suite could not be run at all. */
  run(options: SuiteRun): Promise<SuiteResult>;
}
