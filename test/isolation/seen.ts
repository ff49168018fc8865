/** What came of an attack: whether it got anything that it should not, and in a few words what. */
export type Seen = {readonly got: boolean; readonly what: string};

/** Several attacks of one kind, of which one that succeeds is enough. */
export async function anyOf(...attempts: readonly Promise<Seen>[]): Promise<Seen> {
  const seen = await Promise.all(attempts);
  const got = seen.some((each) => each.got);
  return {got, what: words(seen.filter((each) => each.got === got))};
}

/** The control of such: each of them must succeed. */
export async function allOf(...attempts: readonly Promise<Seen>[]): Promise<Seen> {
  const seen = await Promise.all(attempts);
  const got = seen.every((each) => each.got);
  return {got, what: words(seen.filter((each) => each.got === got))};
}

function words(seen: readonly Seen[]): string {
  return [...new Set(seen.map(({what}) => what))].join(', ');
}
