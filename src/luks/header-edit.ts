import type {JsonObject, JsonValue} from './header-json.ts';
import {keyTokenPrefix, objectLimit} from './metadata.ts';

/** What TazPod notes about a key slot, in a token of its own: its type shows in `cryptsetup luksDump`. */
export type KeyNote = {readonly name: string; readonly kind: string | undefined};

/** Metadata with one more key slot, which is bound to the digest of the data. */
export function withKeyslot(json: JsonObject, id: number, keyslot: JsonValue): JsonObject {
  const bound = mapSection(json, 'digests', (digest) =>
    namesIn(digest, 'segments').includes('0')
      ? put(digest, 'keyslots', [...namesIn(digest, 'keyslots'), String(id)])
      : digest,
  );
  return put(bound, 'keyslots', put(section(json, 'keyslots'), String(id), keyslot));
}

/** Metadata without some key slots, and without the tokens that were about these alone. */
export function withoutKeyslots(json: JsonObject, ids: readonly number[]): JsonObject {
  const gone = ids.map(String);
  const left = (object: JsonObject) => namesIn(object, 'keyslots').filter((id) => !gone.includes(id));
  const unbound = mapSection(json, 'digests', (digest) => put(digest, 'keyslots', left(digest)));
  const released = mapSection(unbound, 'tokens', (token) => {
    const isAbout = namesIn(token, 'keyslots').some((id) => gone.includes(id));
    if (!isAbout) return token;
    return left(token).length === 0 ? undefined : put(token, 'keyslots', left(token));
  });
  const keyslots = [...section(json, 'keyslots')].filter(([id]) => !gone.includes(id));
  return put(released, 'keyslots', new Map(keyslots));
}

/** Metadata in which TazPod notes this about a key slot, and nothing else about it. */
export function withNote(json: JsonObject, id: number, {name, kind}: KeyNote): JsonObject {
  const others = mapSection(json, 'tokens', (token) => {
    const type = token.get('type');
    const isOurs = typeof type === 'string' && type.startsWith(keyTokenPrefix);
    return isOurs && namesIn(token, 'keyslots').includes(String(id)) ? undefined : token;
  });
  const tokens = section(others, 'tokens');
  const free = Array.from({length: objectLimit}, (_, number) => String(number)).find((number) => !tokens.has(number));
  // With as many tokens as LUKS2 allows, the key has no name.
  if (free === undefined) return others;
  const token = new Map<string, JsonValue>([
    ['type', `${keyTokenPrefix}${name}`],
    ['keyslots', [String(id)]],
    ...(kind === undefined ? [] : [['kind', kind] as const]),
  ]);
  return put(others, 'tokens', put(tokens, free, token));
}

/** The metadata of one key slot as it stands. */
export function keyslotIn(json: JsonObject, id: number): JsonValue {
  return section(json, 'keyslots').get(String(id))!;
}

function mapSection(json: JsonObject, name: string, change: (entry: JsonObject) => JsonObject | undefined): JsonObject {
  const entries = [...section(json, name)].flatMap(([id, entry]) => {
    const changed = change(entry as JsonObject);
    return changed === undefined ? [] : [[id, changed] as const];
  });
  return put(json, name, new Map(entries));
}

function section(json: JsonObject, name: string): JsonObject {
  return json.get(name) as JsonObject;
}

function namesIn(object: JsonObject, key: string): readonly string[] {
  return object.get(key) as readonly string[];
}

function put(object: JsonObject, key: string, value: JsonValue): JsonObject {
  return new Map([...object, [key, value]]);
}
