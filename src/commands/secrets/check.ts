import {Flags} from '@oclif/core';
import {toJsonSchema} from '../../config/json-schema.ts';
import {mappingFlags, SecretsCommand} from '../../cli/secrets-command.ts';
import {checkSettings} from '../../secrets/backends/backends.ts';
import {count} from '../../foundation/count.ts';
import {makeMapping} from '../../secrets/mapping/mapping.ts';
import {secretsSchema} from '../../secrets/mapping/secrets-schema.ts';

/** The `result` of `secrets check --json`. */
export type CheckResult = {
  readonly file: string;
  /** Those that something is wanted of, by their names in the file. */
  readonly backends: readonly {readonly name: string; readonly type: string}[];
  readonly secrets: number;
  readonly templates: number;
  readonly profiles: readonly string[];
};

export default class Check extends SecretsCommand<CheckResult | object> {
  static override description = [
    'Reports errors in secrets.yml with line and column. It contacts no backend and needs no vault.',
    'With --schema, prints a JSON Schema for editors instead.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --schema > secrets.schema.json',
  ];
  static override flags = {
    ...mappingFlags,
    schema: Flags.boolean({description: 'print the JSON Schema of secrets.yml'}),
  };
  static override summary = 'Check secrets.yml without a network';

  async run(): Promise<CheckResult | object> {
    const {flags} = await this.parse(Check);
    if (flags.schema) {
      const schema = toJsonSchema(secretsSchema);
      this.log(JSON.stringify(schema, undefined, 2));
      return schema;
    }
    const mapping = await this.mapping(flags);
    const profiles = Object.keys(mapping.file.value.profiles ?? {});
    const bridgeEnds = await this.bridgeEnds();
    const all = [mapping, ...profiles.map((profile) => makeMapping(mapping.file, {profile, bridgeEnds}))];
    const load = await this.backendLoader();
    for (const each of all) {
      for (const definition of each.backends) checkSettings(each, definition, await load(definition.type));
    }
    const {file, secrets, templates, backends} = mapping;
    this.log(
      `${file.path} is valid: ${count(secrets.length, 'entry', 'entries')}, ${count(templates.length, 'template')}, ${count(profiles.length, 'profile')}.`,
    );
    return {
      file: file.path,
      backends: backends.map(({name, type}) => ({name, type})),
      secrets: secrets.length,
      templates: templates.length,
      profiles,
    };
  }
}
