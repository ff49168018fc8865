declare module 'undici/lib/dispatcher/dispatcher.js' {
  import {Dispatcher} from 'undici';
  export default Dispatcher;
}

declare module 'undici/lib/dispatcher/env-http-proxy-agent.js' {
  import {EnvHttpProxyAgent} from 'undici';
  export default EnvHttpProxyAgent;
}

declare module 'undici/lib/api/index.js' {
  import type {Dispatcher} from 'undici';
  const methods: Pick<Dispatcher, 'request' | 'connect'>;
  export default methods;
}
