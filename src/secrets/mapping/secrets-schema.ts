import {z} from 'zod';

/** Names of backends and profiles. They become names of folders in the vault. */
const plainName = /^[a-z0-9][a-z0-9_-]{0,63}$/;

const backendName = z.string().regex(plainName, 'must consist of the letters a-z, digits, "-" and "_".');
const profileName = z.string().regex(plainName, 'must consist of the letters a-z, digits, "-" and "_".');
const storePath = z.string().regex(/^\//, 'must begin with "/".');
const mode = z
  .string()
  .regex(/^0?[0-7]{3}$/, 'must be three octal digits in quotation marks, such as "0600".')
  .describe('the permissions of the file, octal, in quotation marks; default: "0600"');

/** Where secrets are looked for: of a whole file, of a profile, or of one entry. */
const place = {
  backend: backendName.optional().describe('a name from `backends`, or the type of a backend that has no settings'),
  environment: z.string().min(1).optional().describe('the environment of the backend: dev, prod'),
  path: storePath.optional().describe('the folder of the backend, starting with /'),
};

const entry = z
  .strictObject({
    ...place,
    name: z.string().min(1).optional().describe('the name of one secret in the backend'),
    folder: storePath.optional().describe('a folder of the backend to pull as a whole'),
    recursive: z.boolean().optional().describe('include all folders below it'),
    exclude: z
      .array(z.string().min(1))
      .optional()
      .describe('secrets of `folder` to leave out: names, or globs such as "spring.*" and "old/**"'),
    content: z.string().min(1).optional().describe('which part of an entry is the secret; of pass: first-line, file'),
    as: z.string().min(1).optional().describe('its name in templates, if different'),
    file: z.string().min(1).optional().describe('the path of its file in the vault'),
    env: z.string().min(1).optional().describe('the variable to set: to the value, or to the path if there is `file`'),
    'env-holds': z
      .enum(['value', 'path'])
      .optional()
      .describe('the content of the variable; default: path if there is `file`, otherwise value'),
    files: z
      .string()
      .min(1)
      .optional()
      .describe('the directory of the vault for the secrets of `folder`, one file each'),
    'env-prefix': z
      .string()
      .regex(/^([A-Za-z_][A-Za-z0-9_]*)?$/, 'must be a prefix of a variable name.')
      .optional()
      .describe('sets a variable for each secret of `folder`, named by this prefix and the secret; may be empty'),
    mode: mode.optional(),
    optional: z
      .boolean()
      .optional()
      .describe(
        'it may be missing in the backend; secrets of `folder` that cannot be pulled are skipped with a warning',
      ),
    default: z.string().optional().describe('the value if the backend does not have it; not for secrets'),
  })
  .describe('one secret, or one folder of secrets');

const template = z
  .strictObject({
    file: z.string().min(1).describe('the path of the result in the vault'),
    template: z.string().min(1).optional().describe('a mustache file, relative to the directory of this file'),
    text: z.string().optional().describe('the mustache text itself'),
    env: z.string().min(1).optional().describe('a variable with the path of the result'),
    mode: mode.optional(),
  })
  .describe('a file built from several secrets: {{NAME}}, {{#NAME}}if it exists{{/NAME}}');

const contents = {
  ...place,
  'allow-env': z
    .array(z.string().min(1))
    .optional()
    .describe('variables that change how programs load and that are set anyway; TazPod asks the user'),
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
      .describe('the backends, by their names in this file; all other keys are their settings'),
    ...contents,
    profiles: z
      .record(
        profileName,
        z.strictObject({
          ...contents,
          inherits: profileName.optional().describe('another profile to apply first'),
        }),
      )
      .optional()
      .describe('the differences for --profile NAME; an entry replaces the one with the same name'),
  })
  .describe('What TazPod pulls into the vault');

export type SecretsDocument = z.infer<typeof secretsSchema>;
export type EntryDocument = z.infer<typeof entry>;
export type TemplateDocument = z.infer<typeof template>;
export type ProfileDocument = NonNullable<SecretsDocument['profiles']>[string];
