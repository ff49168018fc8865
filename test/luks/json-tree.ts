/** JSON that is going to be changed. */
export type JsonTree = null | boolean | number | string | JsonTree[] | {[key: string]: JsonTree};

/** All places of a tree but its root, as keys joined with dots; an array is one place. */
export function placesOf(tree: JsonTree, prefix = ''): string[] {
  if (tree === null || typeof tree !== 'object' || Array.isArray(tree)) return [];
  return Object.entries(tree).flatMap(([key, value]) => [`${prefix}${key}`, ...placesOf(value, `${prefix}${key}.`)]);
}

/** The value at a place, or undefined. */
export function valueAt(tree: JsonTree, place: string): JsonTree | undefined {
  return place.split('.').reduce<JsonTree | undefined>((node, key) => (isObject(node) ? node[key] : undefined), tree);
}

/** A copy of the tree with another value at one place; undefined takes the place away. */
export function withValue(tree: JsonTree, place: string, value: JsonTree | undefined): JsonTree {
  const copy = structuredClone(tree);
  const keys = place.split('.');
  const last = keys.pop()!;
  let node = copy;
  for (const key of keys) {
    if (!isObject(node)) throw new Error(`no such place: ${place}`);
    node = node[key] ??= {};
  }
  if (!isObject(node)) throw new Error(`no such place: ${place}`);
  if (value === undefined) Reflect.deleteProperty(node, last);
  else node[last] = value;
  return copy;
}

function isObject(node: JsonTree | undefined): node is {[key: string]: JsonTree} {
  return typeof node === 'object' && node !== null && !Array.isArray(node);
}
