import {Args} from '@oclif/core';
import {BaseCommand} from '../../base-command.ts';
import {
  type EditorSchema,
  editorSchema,
  type EditorSchemaName,
  editorSchemaNames,
} from '../../project/editor-schemas.ts';

export default class ConfigSchema extends BaseCommand<EditorSchema> {
  static override args = {
    file: Args.string({
      description: 'the file that it is for',
      options: editorSchemaNames,
      required: true,
    }),
  };
  static override description = [
    'Prints the JSON Schema of config.yaml or of secrets.yml, for editors.',
    'tazpod init puts both into .tazpod/, where the first line of the files points to, so that editors complete and ' +
      'check without a network.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %> config >config.schema.json',
    '<%= config.bin %> <%= command.id %> secrets --json',
  ];
  static override summary = 'Print the JSON Schema of a file.';

  async run(): Promise<EditorSchema> {
    const {args} = await this.parse(ConfigSchema);
    const schema = editorSchema(args.file as EditorSchemaName);
    this.log(JSON.stringify(schema, undefined, 2));
    return schema;
  }
}
