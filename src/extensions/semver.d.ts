/** As far as it is used here; the package has no types of its own. */
declare module 'semver' {
  export function lt(version: string, other: string): boolean;
  export function satisfies(version: string, range: string): boolean;
  export function valid(version: string): string | null;
  export function validRange(range: string): string | null;
}
