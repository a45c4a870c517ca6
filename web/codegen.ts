// Makes TypeScript of the board's operations, checked against the schema: src/generated.
import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: '../schema.graphql',
  documents: ['src/board/**/*.graphql'],
  generates: {
    'src/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        enumsAsTypes: true,
        useTypeImports: true,
        defaultScalarType: 'unknown',
        scalars: {
          BigDecimal: 'string',
          BigInt: 'string',
          Cursor: 'string',
          Date: 'string',
          DateTime: 'string',
          Duration: 'string',
          Sequence: 'string',
          UUID: 'string',
        },
      },
    },
  },
};

export default config;
