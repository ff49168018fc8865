import type {SecretBackend} from 'tazpod/contract';
import {login, logout} from './login.ts';
import {readFolder} from './read-folder.ts';
import {checkSettings, needsTrust, sessionIdentity} from './settings.ts';

/** Secrets from an Infisical server, in its own cloud or anywhere else. */
const backend: SecretBackend = {
  contract: 1,
  checkSettings,
  needsTrust,
  sessionOf: sessionIdentity,
  login,
  logout,
  readFolder,
};
export default backend;
