/** The variables of the environment that say what a setting does. */
export const variables = {
  TAZPOD_IMAGE: ['image'],
  TAZPOD_MOUNT_POINT: ['mount-point'],
  TAZPOD_ENGINE: ['engine'],
  TAZPOD_ISOLATION: ['isolation'],
  TAZPOD_SIZE: ['size'],
  TAZPOD_CLEANUP_STRATEGY: ['cleanup', 'strategy'],
  TAZPOD_PLUGINS_REGISTRY: ['plugins', 'registry'],
  TAZPOD_UPDATE_NOTICE: ['update-notice'],
} as const;
