CREATE ROLE incident LOGIN PASSWORD 'development-only';
CREATE ROLE dispatch LOGIN PASSWORD 'development-only';
CREATE ROLE scoring LOGIN PASSWORD 'development-only';
CREATE ROLE notify LOGIN PASSWORD 'development-only';
CREATE DATABASE incident OWNER incident;
CREATE DATABASE dispatch OWNER dispatch;
CREATE DATABASE scoring OWNER scoring;
CREATE DATABASE notify OWNER notify;
