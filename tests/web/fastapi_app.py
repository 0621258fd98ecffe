"""A FastAPI application as people write them: a client for each worker, typed documents, a dependency."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, Field

from nosqlpy import AsyncClient, DuplicateKeyError


class User(BaseModel):
    """A document of the collection `users`."""

    id: str = Field(alias="_id")
    age: int


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    async with AsyncClient(os.environ["DATABASE"], lock_timeout=30) as client:
        await client["users"].create_index("age")
        yield {"db": client}


app = FastAPI(lifespan=lifespan)


def database(request: Request) -> AsyncClient:
    return request.state.db


Database = Annotated[AsyncClient, Depends(database)]


@app.post("/counters/{name}")
async def count(name: str, db: Database) -> dict[str, int]:
    counter = await db["counters"].find_one_and_update(
        {"_id": name}, {"$inc": {"n": 1}}, upsert=True, return_document=True
    )
    return {"n": counter["n"], "worker": os.getpid()}


@app.post("/users", status_code=201)
async def add(user: User, db: Database) -> dict[str, str]:
    try:
        await db.collection("users", type=User).insert(user)
    except DuplicateKeyError:
        raise HTTPException(409) from None
    return {"added": user.id}


@app.get("/users")
async def users(at_least: int, db: Database) -> list[User]:
    return await db.collection("users", type=User).find({"age": {"$gte": at_least}}).sort("_id").to_list()
