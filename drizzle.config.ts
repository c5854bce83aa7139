import { defineConfig } from "drizzle-kit";

/** `npm run db:generate -- --name=what_changes` writes the SQL into `migrations/`; wrangler applies it. Read it before you commit it. */
export default defineConfig({ dialect: "sqlite", schema: "./src/adapters/d1/schema.ts", out: "./migrations" });
