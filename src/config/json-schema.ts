import {z} from 'zod';

/** A JSON Schema as far as it is looked into here. */
export type JsonSchema = {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly description?: string;
};

/** Where a value is in a document: keys, and indices of sequences. */
export type YamlPath = readonly (string | number)[];

/**
 * A zod schema as JSON Schema (draft 7, which the YAML language server of editors reads) of what a file may hold. What
 * JSON Schema cannot say, such as a refinement, is left out: the editor is more lenient than TazPod.
 */
export function toJsonSchema(schema: z.ZodType): JsonSchema & Readonly<Record<string, unknown>> {
  return z.toJSONSchema(schema, {target: 'draft-7', io: 'input', unrepresentable: 'any'}) as JsonSchema &
    Readonly<Record<string, unknown>>;
}

/** The keys that the mapping at a path may have, of all its alternatives. */
export function knownKeys(schema: JsonSchema, path: YamlPath): string[] {
  let candidates = alternatives(schema);
  for (const step of path) candidates = candidates.flatMap((each) => below(each, step)).flatMap(alternatives);
  return [...new Set(candidates.flatMap((each) => Object.keys(each.properties ?? {})))];
}

function alternatives(schema: JsonSchema): JsonSchema[] {
  const inner = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  return [schema, ...inner.flatMap(alternatives)];
}

function below({properties, additionalProperties, items}: JsonSchema, step: string | number): JsonSchema[] {
  if (typeof step === 'number') return items === undefined ? [] : [items];
  if (properties !== undefined && Object.hasOwn(properties, step)) return [properties[step]!];
  return typeof additionalProperties === 'object' ? [additionalProperties] : [];
}
