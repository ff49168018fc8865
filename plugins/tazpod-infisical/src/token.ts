/** The name that a token has for its owner. */
export async function identityOf(token: string): Promise<string | undefined> {
  const {identityName, email} = await payloadOf(token);
  const name = identityName ?? email;
  return typeof name === 'string' && /^[\p{L}\p{N} ._@+-]{1,100}$/u.test(name) ? name : undefined;
}

/** When a token ends, milliseconds since 1970. Tokens of Infisical are JSON Web Tokens; nothing is checked here. */
export async function expiryOf(token: string): Promise<number | undefined> {
  const {exp} = await payloadOf(token);
  return typeof exp === 'number' ? exp * 1000 : undefined;
}

/** True for what can stand in a header. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]{1,16384}$/.test(text);
}

/** jose is loaded here and in jwe.ts, because most commands need none of it. */
async function payloadOf(token: string): Promise<Record<string, unknown>> {
  const {decodeJwt} = await import('jose/jwt/decode');
  let payload: Record<string, unknown> = {};
  try {
    payload = decodeJwt(token);
  } catch {
    // It is not one: nothing can be said of it.
  }
  return payload;
}
