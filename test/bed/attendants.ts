/**
 * Processes of the test users that are the tests' own: the terminals and the shells in them. They are no leftovers.
 */
export const attendants = new Set<number>();
