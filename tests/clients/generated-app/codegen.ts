// The client preset as its documentation says, over the printed schema or a running server.
import type { CodegenConfig } from '@graphql-codegen/cli';

const strings = ['BigDecimal', 'BigInt', 'Cursor', 'Date', 'DateTime', 'Duration', 'Sequence', 'Time', 'UUID'];

const config: CodegenConfig = {
  schema: process.env['SCHEMA'] ?? '../../../schema.graphql',
  documents: ['operations.ts'],
  ignoreNoDocuments: false,
  generates: {
    'generated/': {
      preset: 'client',
      presetConfig: { persistedDocuments: { mode: 'embedHashInDocument', hashAlgorithm: 'sha256' } },
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        strictScalars: true,
        scalars: { ...Object.fromEntries(strings.map((name) => [name, 'string'])), JSON: 'unknown', Bytes: 'string' },
      },
    },
  },
};

export default config;
