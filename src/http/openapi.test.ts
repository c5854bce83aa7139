import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, it } from "vitest";
import { z } from "zod";
import { toJsonSchemas } from "./json-schema.ts";
import { openApiDocument } from "./openapi.ts";
import { comparePaths } from "./route.ts";
import { routes } from "./routes.ts";

it("is a valid document by the schema of OpenAPI 3.1, and every reference leads somewhere", async () => {
  const document = openApiDocument(routes);
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(document));
  expect(errors ?? []).toEqual([]);
  expect([valid, validator.version]).toEqual([true, "3.1"]);
  const text = JSON.stringify(document);
  for (const [, path = ""] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const found = path.split("/").reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], document);
    expect([path, typeof found]).toEqual([path, "object"]);
  }
});

it("makes components of named schemas, and says nothing of what may be any JSON", () => {
  const leaf = z.strictObject({ any: z.json().describe("Anything.") }).meta({ id: "Leaf" });
  const tree = z.strictObject({ leaves: z.array(leaf), at: z.iso.datetime(), when: leaf.nullable().optional() });
  const { schemaOf, components } = toJsonSchemas([tree]);
  expect(components).toEqual({
    Leaf: { type: "object", properties: { any: { description: "Anything." } }, required: ["any"], additionalProperties: false },
  });
  expect(schemaOf(tree)).toEqual({
    type: "object",
    properties: {
      leaves: { type: "array", items: { $ref: "#/components/schemas/Leaf" } },
      at: { type: "string", format: "date-time" },
      when: { anyOf: [{ $ref: "#/components/schemas/Leaf" }, { type: "null" }] },
    },
    required: ["leaves", "at"],
    additionalProperties: false,
  });
});

it("refuses a recursive schema without a name, which no component could be made of", () => {
  const tree = z.strictObject({
    get inside() {
      return z.array(tree);
    },
  });
  expect(() => toJsonSchemas([z.array(tree)])).toThrow(/no name/);
});

it("tries fixed words before parameters, whatever the order of the list", () => {
  const paths = [
    "/v1/workflows/{id}",
    "/v1/{any}",
    "/v1/workflows/{id}/runs",
    "/v1/workflows/runs",
    "/v1/workflows",
    "/v1/workflows/runs/{id}",
  ];
  const sorted = paths.toSorted(comparePaths);
  expect(sorted).toEqual([
    "/v1/workflows",
    "/v1/workflows/runs",
    "/v1/workflows/runs/{id}",
    "/v1/workflows/{id}",
    "/v1/workflows/{id}/runs",
    "/v1/{any}",
  ]);
  expect(paths.toReversed().toSorted(comparePaths)).toEqual(sorted);
});
