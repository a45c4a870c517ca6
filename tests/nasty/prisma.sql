-- As Prisma makes it: quoted names in PascalCase and camelCase, a join table called _CategoryToPost with columns A and B.
CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN', 'superUser');
CREATE TABLE "User" (
    "id" text PRIMARY KEY DEFAULT gen_random_uuid(),
    "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "email" text NOT NULL,
    "name" text,
    "role" "Role" NOT NULL DEFAULT 'USER',
    "isActive" boolean NOT NULL DEFAULT true
);
CREATE UNIQUE INDEX "User_email_key" ON "User" ("email");
CREATE TABLE "Post" (
    "id" serial PRIMARY KEY,
    "updatedAt" timestamp(3) NOT NULL,
    "title" varchar(255) NOT NULL,
    "published" boolean NOT NULL DEFAULT false,
    "authorId" text NOT NULL REFERENCES "User" ("id") ON UPDATE CASCADE ON DELETE RESTRICT,
    "reviewerID" text REFERENCES "User" ("id")
);
CREATE TABLE "Category" ("id" serial PRIMARY KEY, "name" text NOT NULL);
CREATE TABLE "_CategoryToPost" (
    "A" integer NOT NULL REFERENCES "Category" ("id") ON DELETE CASCADE,
    "B" integer NOT NULL REFERENCES "Post" ("id") ON DELETE CASCADE,
    CONSTRAINT "_CategoryToPost_AB_pkey" PRIMARY KEY ("A", "B")
);
CREATE INDEX "_CategoryToPost_B_index" ON "_CategoryToPost" ("B");
CREATE TABLE "_prisma_migrations" (
    "id" varchar(36) PRIMARY KEY, "checksum" varchar(64) NOT NULL, "finished_at" timestamptz,
    "migration_name" varchar(255) NOT NULL, "applied_steps_count" integer NOT NULL DEFAULT 0
);
