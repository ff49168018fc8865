/** Who watches a pull. Titles and notes are for people, on one line, without a value. */
export type PullProgress = {
  /** Called once, with everything that will be done. */
  begin(titles: readonly string[]): void;
  done(index: number, note: string): void;
  failed(index: number): void;
  /** Nothing more is drawn afterwards. */
  end(): Promise<void>;
};

/** Does one of the steps that were announced. */
export async function progressStep<T>(
  progress: PullProgress,
  index: number,
  work: () => Promise<{readonly result: T; readonly note: string}>,
): Promise<T> {
  try {
    const {result, note} = await work();
    progress.done(index, note);
    return result;
  } catch (error) {
    progress.failed(index);
    throw error;
  }
}
