/**
 * As far as it is used here; the package has no types of its own. Only a default: the bundle gives a package of the
 * CommonJS kind no other name when it is imported late.
 */
declare module 'semver' {
  const semver: {
    lt: (version: string, other: string) => boolean;
    satisfies: (version: string, range: string) => boolean;
    valid: (version: string) => string | null;
    validRange: (range: string) => string | null;
  };
  export default semver;
}
