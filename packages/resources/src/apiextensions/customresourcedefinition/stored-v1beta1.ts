/**
 * A definition as upstream's kube-apiserver keeps it in etcd: in v1beta1, with what all versions share said once.
 * Source: apiextensions-apiserver/pkg/apis/apiextensions/v1beta1/conversion.go and defaults.go.
 */
import type { UnknownObject } from '@kapella/api';

type Fields = Readonly<Record<string, unknown>>;

/** Pure; the apiVersion is set by the caller. */
export function fromStoredV1beta1(object: UnknownObject): UnknownObject {
  const spec = object.spec as Fields;
  const { version, validation, subresources, additionalPrinterColumns, selectableFields, ...rest } = spec;
  const { preserveUnknownFields, conversion, versions: given, ...others } = rest;
  const shared = {
    ...(validation === undefined ? {} : { schema: validation }),
    ...(subresources === undefined ? {} : { subresources }),
    ...(additionalPrinterColumns === undefined ? {} : { additionalPrinterColumns }),
    ...(selectableFields === undefined ? {} : { selectableFields }),
  };
  const versions = (given as readonly Fields[] | undefined) ?? [{ name: version, served: true, storage: true }];
  return {
    ...object,
    spec: {
      ...others,
      versions: versions.map((each) => withColumns({ ...shared, ...each })),
      ...(preserveUnknownFields === false ? {} : { preserveUnknownFields: true }), // the default of v1beta1
      ...(conversion === undefined ? {} : { conversion: conversionOf(conversion as Fields) }),
    },
  } as UnknownObject;
}

/** The path of a column is written in another way. */
function withColumns(version: Fields): Fields {
  const columns = version.additionalPrinterColumns as readonly Fields[] | undefined;
  if (columns === undefined) return version;
  const renamed = columns.map(({ JSONPath, ...column }) =>
    JSONPath === undefined ? column : { ...column, jsonPath: JSONPath },
  );
  return { ...version, additionalPrinterColumns: renamed };
}

function conversionOf({ webhookClientConfig, conversionReviewVersions, ...rest }: Fields): Fields {
  if (webhookClientConfig === undefined && conversionReviewVersions === undefined) return rest;
  const webhook = {
    ...(webhookClientConfig === undefined ? {} : { clientConfig: webhookClientConfig }),
    ...(conversionReviewVersions === undefined ? {} : { conversionReviewVersions }),
  };
  return rest.strategy === 'Webhook' ? { ...rest, webhook } : rest;
}
