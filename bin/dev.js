#!/usr/bin/env node
// TazPod straight from src/, types stripped by Node: for work on it, nothing to build and no manifest in the way.
import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {execute, settings} from '@oclif/core';
import {pluginOptions} from '../src/extensions/start.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const pjson = JSON.parse(readFileSync(root + 'package.json', 'utf8'));
pjson.oclif.commands = './src/commands';
pjson.oclif.helpClass = './src/help/help.ts';
pjson.oclif.hooks = {command_not_found: './src/hooks/command-not-found.ts'};

settings.debug = true;
settings.enableAutoTranspile = false;
const words = process.argv.slice(2);
await execute({
  args: words.length > 0 ? words : ['__entry'],
  loadOptions: await pluginOptions({ignoreManifest: true, pjson, root}, words),
});
