/** The name that a token has for its owner. */
export function identityOf(token: string): string | undefined {
  const {identityName, email} = payloadOf(token);
  const name = identityName ?? email;
  return typeof name === 'string' && /^[\p{L}\p{N} ._@+-]{1,100}$/u.test(name) ? name : undefined;
}

/** When a token ends, milliseconds since 1970. Tokens of Infisical are JSON Web Tokens; nothing is checked here. */
export function expiryOf(token: string): number | undefined {
  const {exp} = payloadOf(token);
  return typeof exp === 'number' ? exp * 1000 : undefined;
}

/** True for what can stand in a header. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]{1,16384}$/.test(text);
}

function payloadOf(token: string): Record<string, unknown> {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return typeof payload === 'object' && payload !== null ? (payload as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
