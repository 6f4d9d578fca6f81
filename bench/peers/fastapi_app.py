"""The stand-in for what people build first: FastAPI, SQLModel on SQLite, files in a folder.

It does what the usual tutorial service does, and no less: accounts with bcrypt and JWT, folders,
multipart upload with a conflict check and a job row, listing, download. Plain `def` handlers on
FastAPI's thread pool, one commit an upload, SQLite in WAL mode without a flush for each commit:
the quickest of the usual ways to write it.

    DRIVE_DATA=data uvicorn fastapi_app:app --port 8106
"""

import hashlib
import os
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import bcrypt
import jwt
from fastapi import Depends, FastAPI, Form, Header, HTTPException, UploadFile
from fastapi.responses import FileResponse
from pydantic import BaseModel
from sqlalchemy import event
from sqlmodel import Field, Session, SQLModel, create_engine, select

DATA = Path(os.environ["DRIVE_DATA"])
CONTENTS = DATA / "contents"
CONTENTS.mkdir(parents=True, exist_ok=True)
SECRET = os.environ.get("SECRET_KEY", "a-benchmark-needs-no-real-secret-0123456789")
CHUNK_BYTES = 1 << 20
LIST_LIMIT = 20_000

engine = create_engine(f"sqlite:///{DATA / 'drive.db'}", connect_args={"check_same_thread": False, "timeout": 30})


@event.listens_for(engine, "connect")
def set_pragmas(connection, _record) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def now() -> datetime:
    return datetime.now(UTC)


class User(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(unique=True, index=True)
    password_hash: str


class Folder(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    owner_id: int = Field(index=True)
    parent_id: int | None = Field(default=None, index=True)
    name: str
    created_at: datetime = Field(default_factory=now)


class StoredFile(SQLModel, table=True):
    id: str = Field(default_factory=lambda: uuid.uuid4().hex, primary_key=True)
    owner_id: int = Field(index=True)
    folder_id: int | None = Field(default=None, index=True)
    filename: str = Field(index=True)
    mime_type: str
    size: int
    sha256: str
    version: int = 1
    created_at: datetime = Field(default_factory=now)


class SyncJob(SQLModel, table=True):
    id: str = Field(default_factory=lambda: uuid.uuid4().hex, primary_key=True)
    file_id: str = Field(index=True)
    status: str = "completed"
    progress_percentage: int = 100
    created_at: datetime = Field(default_factory=now)


class Credentials(BaseModel):
    email: str
    password: str


class NewFolder(BaseModel):
    name: str
    parent_id: int | None = None


SQLModel.metadata.create_all(engine)
app = FastAPI(title="drive")


def session():
    with Session(engine) as opened:
        yield opened


Db = Annotated[Session, Depends(session)]


def current_user(db: Db, authorization: Annotated[str, Header()]) -> User:
    try:
        claims = jwt.decode(authorization.removeprefix("Bearer "), SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "bad token") from error
    user = db.get(User, int(claims["sub"]))
    if user is None:
        raise HTTPException(401, "no such user")
    return user


Me = Annotated[User, Depends(current_user)]


@app.get("/health")
def health():
    return {"status": "ok"}


@app.post("/auth/register", status_code=201)
def register(credentials: Credentials, db: Db):
    if db.exec(select(User).where(User.email == credentials.email)).first():
        raise HTTPException(409, "that address has an account")
    hashed = bcrypt.hashpw(credentials.password.encode(), bcrypt.gensalt()).decode()
    db.add(User(email=credentials.email, password_hash=hashed))
    db.commit()
    return {"email": credentials.email}


@app.post("/auth/login")
def login(credentials: Credentials, db: Db):
    user = db.exec(select(User).where(User.email == credentials.email)).first()
    if user is None or not bcrypt.checkpw(credentials.password.encode(), user.password_hash.encode()):
        raise HTTPException(401, "wrong address or password")
    claims = {"sub": str(user.id), "exp": now() + timedelta(hours=12)}
    return {"access_token": jwt.encode(claims, SECRET, algorithm="HS256"), "token_type": "bearer"}


@app.post("/drive", status_code=201)
def make_folder(new: NewFolder, me: Me, db: Db) -> Folder:
    folder = Folder(owner_id=me.id, parent_id=new.parent_id, name=new.name)
    db.add(folder)
    db.commit()
    db.refresh(folder)
    return folder


@app.get("/drive/{folder_id}")
def list_folder(folder_id: int, me: Me, db: Db, limit: int = LIST_LIMIT):
    folders = select(Folder).where(Folder.owner_id == me.id, Folder.parent_id == folder_id)
    files = select(StoredFile).where(StoredFile.owner_id == me.id, StoredFile.folder_id == folder_id)
    return {
        "folders": db.exec(folders.order_by(Folder.name).limit(limit)).all(),
        "files": db.exec(files.order_by(StoredFile.filename).limit(limit)).all(),
    }


@app.post("/api/v1/upload", status_code=201)
def upload(file: UploadFile, me: Me, db: Db, folder_id: Annotated[int | None, Form()] = None):
    record_id, digest, size = uuid.uuid4().hex, hashlib.sha256(), 0
    with open(CONTENTS / record_id, "wb") as target:
        while chunk := file.file.read(CHUNK_BYTES):
            target.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    same = select(StoredFile).where(StoredFile.folder_id == folder_id, StoredFile.filename == file.filename)
    before = db.exec(same.order_by(StoredFile.version.desc())).first()
    record = StoredFile(
        id=record_id, owner_id=me.id, folder_id=folder_id, filename=file.filename, size=size,
        mime_type=file.content_type or "application/octet-stream", sha256=digest.hexdigest(),
        version=before.version + 1 if before else 1,
    )
    job = SyncJob(file_id=record_id)
    answer = {"job_id": job.id, "file_id": record_id, "filename": file.filename, "message": "File uploaded"}
    db.add(record)
    db.add(job)
    db.commit()
    return answer


@app.get("/api/v1/files")
def list_files(me: Me, db: Db, limit: int = 50, offset: int = 0):
    files = select(StoredFile).where(StoredFile.owner_id == me.id).order_by(StoredFile.created_at.desc())
    return {"files": db.exec(files.limit(limit).offset(offset)).all()}


@app.get("/api/v1/files/{file_id}")
def get_file(file_id: str, me: Me, db: Db, download: bool = False):
    record = db.get(StoredFile, file_id)
    if record is None or record.owner_id != me.id:
        raise HTTPException(404, "no such file")
    return FileResponse(CONTENTS / file_id, filename=record.filename) if download else record
