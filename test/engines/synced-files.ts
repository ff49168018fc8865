/** What file `number` of the writer holds. */
export function contentOf(number: number): Buffer {
  return Buffer.alloc((number * 7919) % 60_000, `${number} `);
}

/** The path of file `number` below the directory of the writer. */
export function pathOf(number: number): string {
  return `${Math.floor(number / 50)}/${number}`;
}
