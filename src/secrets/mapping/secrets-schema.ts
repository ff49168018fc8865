import {z} from 'zod';

/** Names of backends and profiles. They become names of folders in the vault. */
const plainName = /^[a-z0-9][a-z0-9_-]{0,63}$/;

const backendName = z.string().regex(plainName, 'must be of the letters a-z, digits, "-" and "_".');
const profileName = z.string().regex(plainName, 'must be of the letters a-z, digits, "-" and "_".');
const storePath = z.string().regex(/^\//, 'must begin with "/".');
const mode = z
  .string()
  .regex(/^0?[0-7]{3}$/, 'must be three octal digits in quotation marks, as "0600".')
  .describe('the permissions of the file, octal, in quotation marks; "0600" where nothing is said');

/** Where secrets are looked for: of a whole file, of a profile, or of one entry. */
const place = {
  backend: backendName.optional().describe('a name out of `backends`, or the type of a backend that has no settings'),
  environment: z.string().min(1).optional().describe('the environment of the store: dev, prod'),
  path: storePath.optional().describe('the folder of the store, from /'),
};

const entry = z
  .strictObject({
    ...place,
    name: z.string().min(1).optional().describe('the name of one secret in the store'),
    folder: storePath.optional().describe('a folder of the store that is pulled whole'),
    recursive: z.boolean().optional().describe('with all folders below'),
    exclude: z
      .array(z.string().min(1))
      .optional()
      .describe('secrets of `folder` that are left out: names, or globs such as "spring.*" and "old/**"'),
    content: z.string().min(1).optional().describe('which part of an entry is the secret; of pass: first-line, file'),
    as: z.string().min(1).optional().describe('how templates call it, where that is not its name'),
    file: z.string().min(1).optional().describe('where the value lies in the vault'),
    env: z.string().min(1).optional().describe('the variable: of the value, or where there is `file`, of its path'),
    'env-holds': z
      .enum(['value', 'path'])
      .optional()
      .describe('what the variable holds; path where there is `file`, else value'),
    files: z.string().min(1).optional().describe('the folder of the vault for the secrets of `folder`, a file each'),
    'env-prefix': z
      .string()
      .regex(/^([A-Za-z_][A-Za-z0-9_]*)?$/, 'must be the beginning of a name of a variable.')
      .optional()
      .describe('makes a variable of each secret of `folder`: this and its name; may be empty'),
    mode: mode.optional(),
    optional: z
      .boolean()
      .optional()
      .describe('it may be missing in the store; of `folder`, what cannot be pulled is left out with a warning'),
    default: z.string().optional().describe('what is taken where it is missing in the store; no secret'),
  })
  .describe('one secret, or one folder of secrets');

const template = z
  .strictObject({
    file: z.string().min(1).describe('where the result lies in the vault'),
    template: z.string().min(1).optional().describe('a mustache file, from the folder of this file'),
    text: z.string().optional().describe('the mustache text itself'),
    env: z.string().min(1).optional().describe('a variable with the path of the result'),
    mode: mode.optional(),
  })
  .describe('a file made of several secrets: {{NAME}}, {{#NAME}}where it is there{{/NAME}}');

const contents = {
  ...place,
  'allow-env': z
    .array(z.string().min(1))
    .optional()
    .describe('variables that change how programs load and are wanted all the same; the user is asked'),
  secrets: z.array(entry).optional(),
  templates: z.array(template).optional(),
};

/** The form of `secrets.yml`. What a schema cannot tell is in `mapping.ts`. */
export const secretsSchema = z
  .strictObject({
    config: z
      .strictObject({
        infisical_project_id: z.string().min(1).optional(),
        infisical_url: z.string().min(1).optional(),
      })
      .optional()
      .describe('short for a backend named infisical with the settings `project` and `url`'),
    backends: z
      .record(backendName, z.looseObject({type: backendName.describe('infisical, pass, exec, dotenv')}))
      .optional()
      .describe('the stores, by the names that this file gives them; what else stands there are their settings'),
    ...contents,
    profiles: z
      .record(
        profileName,
        z.strictObject({
          ...contents,
          inherits: profileName.optional().describe('another profile that holds first'),
        }),
      )
      .optional()
      .describe('what differs with --profile NAME; an entry replaces the one of the same name'),
  })
  .describe('What TazPod pulls into the vault');

export type SecretsDocument = z.infer<typeof secretsSchema>;
export type EntryDocument = z.infer<typeof entry>;
export type TemplateDocument = z.infer<typeof template>;
export type ProfileDocument = NonNullable<SecretsDocument['profiles']>[string];
