import {createHmac, randomUUID, timingSafeEqual} from 'node:crypto';
import {type Identity, recordedOrganisation} from './world.ts';

/** What a token of the double says; the part that it looks at. */
export type TokenPayload = {
  readonly identityId: string;
  /** In seconds. */
  readonly iat: number;
  readonly exp: number;
  readonly creationEpoch: number;
  readonly jti: string;
};

/** An access token as the server makes it: a JSON Web Token of the same fields and the same length. */
export function makeToken(key: string, identity: Identity, nowMs: number, earlier?: TokenPayload): string {
  const iat = Math.floor(nowMs / 1000);
  const id = earlier?.jti ?? randomUUID();
  const created = earlier?.creationEpoch ?? iat;
  const payload = {
    identityId: identity.id,
    identityName: identity.name,
    authMethod: 'universal-auth',
    orgId: recordedOrganisation,
    rootOrgId: recordedOrganisation,
    parentOrgId: recordedOrganisation,
    clientSecretId: identity.clientSecrets[0]!.id,
    identityAccessTokenId: id,
    ipRestrictionEnabled: true,
    accessTokenTTL: identity.tokenLifeSeconds,
    accessTokenMaxTTL: identity.tokenMaximumLifeSeconds,
    accessTokenPeriod: 0,
    creationEpoch: created,
    authTokenType: 'identityAccessToken',
    identityAuth: {},
    iat,
    exp: Math.min(iat + identity.tokenLifeSeconds, created + identity.tokenMaximumLifeSeconds),
    jti: id,
  };
  const text = `${encode({alg: 'HS256', typ: 'JWT'})}.${encode(payload)}`;
  return `${text}.${sign(key, text)}`;
}

/** What a token says, or the server's word for what is wrong with it. */
export function readToken(key: string, token: string, nowMs: number): TokenPayload | string {
  const [header, payload, signature, ...rest] = token.split('.');
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) {
    return 'jwt malformed';
  }
  let said: TokenPayload;
  try {
    JSON.parse(Buffer.from(header, 'base64url').toString());
    said = JSON.parse(Buffer.from(payload, 'base64url').toString()) as TokenPayload;
  } catch {
    return 'invalid token';
  }
  const [given, right] = [Buffer.from(signature), Buffer.from(sign(key, `${header}.${payload}`))];
  if (given.length !== right.length || !timingSafeEqual(given, right)) return 'invalid signature';
  return said.exp * 1000 <= nowMs ? 'Your token has expired. Please re-authenticate.' : said;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function sign(key: string, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url');
}
