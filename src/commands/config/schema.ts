import {Args} from '@oclif/core';
import {BaseCommand} from '../../cli/base-command.ts';
import {
  type EditorSchema,
  editorSchema,
  type EditorSchemaName,
  editorSchemaNames,
} from '../../project/editor-schemas.ts';

export default class ConfigSchema extends BaseCommand<EditorSchema> {
  static override args = {
    file: Args.string({
      description: 'the file to describe',
      options: editorSchemaNames,
      required: true,
    }),
  };
  static override description = [
    'Prints the JSON Schema of config.yaml or secrets.yml, for editors.',
    '"tazpod init" puts both into .tazpod/ and refers to them in the first line of the files, so that ' +
      'editors can complete and check without a network.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %> config >config.schema.json',
    '<%= config.bin %> <%= command.id %> secrets --json',
  ];
  static override summary = 'Print the JSON Schema of a configuration file';

  async run(): Promise<EditorSchema> {
    const {args} = await this.parse(ConfigSchema);
    const schema = editorSchema(args.file as EditorSchemaName);
    this.log(JSON.stringify(schema, undefined, 2));
    return schema;
  }
}
