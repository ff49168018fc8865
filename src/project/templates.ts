/** What `tazpod init` writes. A `#` before a key, with no space after it, is what turns the key off. */

export const configTemplate = `# yaml-language-server: $schema=./config.schema.json
#
# The configuration of this project for TazPod. "tazpod config --explain" shows what holds, and why.
# A file that comes with a repository can speak of its own vault only; what it may not say stands in
# ~/.config/tazpod/config.yaml, which has the same form.

# The image of the vault, in this folder.
#image: .tazpod-vault/vault.img

# Where it is inside the ghost: ~/secrets, ~/secrets-NAME, or a directory of this project.
#mount-point: ~/secrets

# The size of a new image.
#size: 512M

# Who deciphers: dm-crypt (the kernel) or fuse. Best left to the machine.
#engine: fuse

# Refuse to open the vault where it cannot be sealed.
#isolation: sealed

# Commands that are kept from running outside the vault.
#latches:
#  - command: kubectl
#    reason: its kubeconfig lives in the vault

# The plugins that may be used here, and no others: a project can narrow what its user allows.
#plugins:
#  allow:
#    - name: tazpod-infisical
#      version: ^0.1.0
`;

export const secretsTemplate = `# yaml-language-server: $schema=./.tazpod/secrets.schema.json
#
# What "tazpod pull" brings into the vault. There are names in this file, and no values: it belongs into the repository.
# "tazpod secrets check" says what is wrong with it.

# The project in Infisical.
#config:
#  infisical_project_id: 00000000-0000-0000-0000-000000000000
#  infisical_url: https://app.infisical.com

secrets: []

# In place of "[]", an entry for each secret: its name in the store, and the file of the vault that it goes to,
# the variable, or both. With a file, the variable holds the file's path.
#  - name: KUBECONFIG_PROD
#    file: kube/config
#    env: KUBECONFIG
#  - name: GITHUB_TOKEN
#    env: GITHUB_TOKEN
`;
