-- Names are searched by any part of them: the trigrams of `nodes.name_key`, which is folded already, by `nodes.row_no`.
-- A root has no name.

CREATE VIRTUAL TABLE node_names USING fts5 (
    name_key,
    content = '',
    contentless_delete = 1,
    tokenize = 'trigram case_sensitive 1'
);
CREATE TRIGGER node_names_insert AFTER INSERT ON nodes WHEN new.name_key <> '' BEGIN
    INSERT INTO node_names (rowid, name_key) VALUES (new.row_no, new.name_key);
END;
CREATE TRIGGER node_names_delete AFTER DELETE ON nodes WHEN old.name_key <> '' BEGIN
    DELETE FROM node_names WHERE rowid = old.row_no;
END;
CREATE TRIGGER node_names_update AFTER UPDATE OF name_key ON nodes WHEN old.name_key <> new.name_key BEGIN
    DELETE FROM node_names WHERE rowid = old.row_no;
    INSERT INTO node_names (rowid, name_key) VALUES (new.row_no, new.name_key);
END;
