import {configSchema} from '../config/config-schema.ts';
import {toJsonSchema} from '../config/json-schema.ts';
import {secretsSchema} from '../secrets/mapping/secrets-schema.ts';

/** A JSON Schema for editors. */
export type EditorSchema = Readonly<Record<string, unknown>>;

/** The files that have one. */
export const editorSchemaNames = ['config', 'secrets'] as const;
export type EditorSchemaName = (typeof editorSchemaNames)[number];

/** By which a file is known to be made by `tazpod init`, which may then write it again. */
export const madeByTazPod = 'Made by "tazpod init", which keeps it current.';

const schemas = {config: configSchema, secrets: secretsSchema};

/** The JSON Schema of `config.yaml` or `secrets.yml`: made of what checks them, so it is always the current one. */
export function editorSchema(name: EditorSchemaName): EditorSchema {
  const {$schema, description, ...rest} = toJsonSchema(schemas[name]);
  return {$schema, $comment: madeByTazPod, title: description, ...rest};
}
