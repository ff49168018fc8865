/** A JSON value; integers are exact, and an object's keys cannot be mistaken for properties of its prototype. */
export type JsonValue = null | boolean | string | bigint | Fraction | readonly JsonValue[] | JsonObject;
export type JsonObject = ReadonlyMap<string, JsonValue>;

/** A number that is not an integer. LUKS2 has none, so its value is of no interest. */
export type Fraction = {readonly fraction: true};

/** Text that is not JSON, or JSON that no LUKS2 header needs. The message holds no byte of it. */
export class MalformedHeaderJson extends Error {
  constructor(problem: string, offset: number) {
    super(`${problem} (byte ${offset})`);
    this.name = 'MalformedHeaderJson';
  }
}

/** json-c, which reads the same text for cryptsetup, stops at a depth of 32. */
const depthLimit = 30;
/** cryptsetup writes about 25 values for each of 32 key slots; tokens of other programs are small. */
const valueLimit = 20_000;
/** 2^64 - 1 has 20 digits. */
const digitLimit = 20;

/**
 * Parses JSON more strictly than `JSON.parse`: a key that comes twice, a NUL in a string, half a surrogate pair,
 * bytes that are not UTF-8, more than 30 levels or 20,000 values are refused. Two readers of one header must not be
 * able to see two things in it, and json-c tells `64` from `64.0`, so this does too. Throws MalformedHeaderJson.
 */
export function parseHeaderJson(bytes: Buffer): JsonValue {
  return new Scanner(bytes).document();
}

/**
 * Writes a value as `parseHeaderJson` reads it, so that a header can be changed in one place and keep the rest, also what
 * TazPod does not know. Throws MalformedHeaderJson for a fraction, whose value was not kept.
 */
export function renderHeaderJson(value: JsonValue): string {
  if (value instanceof Map) {
    const members = [...(value as JsonObject)].map(
      ([key, member]) => `${JSON.stringify(key)}:${renderHeaderJson(member)}`,
    );
    return `{${members.join(',')}}`;
  }
  if (Array.isArray(value)) return `[${value.map(renderHeaderJson).join(',')}]`;
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'object' && value !== null) throw new MalformedHeaderJson('a number is a fraction', 0);
  return JSON.stringify(value);
}

class Scanner {
  readonly #bytes: Buffer;
  #offset = 0;
  #values = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  document(): JsonValue {
    const value = this.#value(1);
    this.#skipSpace();
    if (this.#offset !== this.#bytes.length) this.#fail('something follows the JSON text');
    return value;
  }

  #value(depth: number): JsonValue {
    if (depth > depthLimit) this.#fail('the JSON text is nested too deeply');
    this.#values += 1;
    if (this.#values > valueLimit) this.#fail('the JSON text has too many values');
    this.#skipSpace();
    const byte = this.#bytes[this.#offset];
    if (byte === 0x7b) return this.#object(depth);
    if (byte === 0x5b) return this.#array(depth);
    if (byte === 0x22) return this.#string();
    if (byte === 0x74) return this.#word('true', true);
    if (byte === 0x66) return this.#word('false', false);
    if (byte === 0x6e) return this.#word('null', null);
    return this.#number();
  }

  #object(depth: number): JsonObject {
    const object = new Map<string, JsonValue>();
    this.#offset += 1;
    if (this.#take(0x7d)) return object;
    do {
      this.#skipSpace();
      if (this.#bytes[this.#offset] !== 0x22) this.#fail('a key is missing');
      const key = this.#string();
      if (object.has(key)) this.#fail('a key appears twice in one object');
      if (!this.#take(0x3a)) this.#fail('a colon is missing');
      object.set(key, this.#value(depth + 1));
    } while (this.#take(0x2c));
    if (!this.#take(0x7d)) this.#fail('an object does not end');
    return object;
  }

  #array(depth: number): readonly JsonValue[] {
    const array: JsonValue[] = [];
    this.#offset += 1;
    if (this.#take(0x5d)) return array;
    do array.push(this.#value(depth + 1));
    while (this.#take(0x2c));
    if (!this.#take(0x5d)) this.#fail('an array does not end');
    return array;
  }

  #string(): string {
    const start = (this.#offset += 1);
    let escaped = false;
    for (;;) {
      const byte = this.#bytes[this.#offset];
      if (byte === undefined || byte < 0x20) return this.#fail('a string does not end');
      if (byte === 0x22) break;
      if (byte === 0x5c) {
        escaped = true;
        this.#offset += 1;
      }
      this.#offset += 1;
    }
    const raw = this.#bytes.subarray(start, this.#offset);
    this.#offset += 1;
    let text: string;
    try {
      text = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(raw);
    } catch {
      return this.#fail('a string is not UTF-8');
    }
    if (escaped) text = this.#unescape(text);
    // json-c hands strings on as C strings, which end at the first NUL.
    if (text.includes('\0')) this.#fail('a string holds a NUL');
    if (!text.isWellFormed()) this.#fail('a string holds half a surrogate pair');
    return text;
  }

  #unescape(text: string): string {
    try {
      // The text has no quotation mark and no control character left unescaped, so this cannot parse anything else.
      return JSON.parse(`"${text}"`) as string;
    } catch {
      return this.#fail('a string has an unknown escape');
    }
  }

  #number(): bigint | Fraction {
    const token = /^-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/.exec(
      this.#bytes.toString('latin1', this.#offset, Math.min(this.#offset + 64, this.#bytes.length)),
    );
    if (token === null) return this.#fail('a value is missing');
    this.#offset += token[0].length;
    if (token[1] !== undefined || token[2] !== undefined) return {fraction: true};
    if (token[0].length > digitLimit) this.#fail('a number has too many digits');
    return BigInt(token[0]);
  }

  #word<T>(word: string, value: T): T {
    if (this.#bytes.toString('latin1', this.#offset, this.#offset + word.length) !== word)
      this.#fail('a value is missing');
    this.#offset += word.length;
    return value;
  }

  /** Skips space, and the wanted byte if it is next. */
  #take(wanted: number): boolean {
    this.#skipSpace();
    if (this.#bytes[this.#offset] !== wanted) return false;
    this.#offset += 1;
    return true;
  }

  #skipSpace(): void {
    for (;;) {
      const byte = this.#bytes[this.#offset];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#offset += 1;
    }
  }

  #fail(problem: string): never {
    throw new MalformedHeaderJson(problem, this.#offset);
  }
}
