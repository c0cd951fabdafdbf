BEGIN TRANSACTION;
CREATE TABLE attempts (
	workflow INTEGER NOT NULL, 
	task INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	status VARCHAR(12) NOT NULL, 
	created DOUBLE, 
	ready DOUBLE, 
	submitted DOUBLE, 
	started DOUBLE, 
	loaded DOUBLE, 
	finished DOUBLE, 
	serialised DOUBLE, 
	stored DOUBLE, 
	backoff DOUBLE NOT NULL, 
	inputs_size BIGINT, 
	host TEXT, 
	pid INTEGER, 
	worker_id TEXT, 
	node_id TEXT, 
	ray TEXT, 
	measured VARCHAR(12), 
	cpu_time DOUBLE, 
	peak_rss BIGINT, 
	read_bytes BIGINT, 
	write_bytes BIGINT, 
	voluntary_switches BIGINT, 
	involuntary_switches BIGINT, 
	exit_code INTEGER, 
	signal INTEGER, 
	error_type TEXT, 
	error_message TEXT, 
	error_traceback TEXT, 
	died BOOLEAN, 
	PRIMARY KEY (workflow, task, attempt), 
	CHECK (status = 'RUNNING' OR status = 'SUCCESSFUL' OR status = 'FAILED' OR status = 'CANCELED' OR status = 'LOST')
)
 WITHOUT ROWID;
INSERT INTO "attempts" VALUES(1,0,1,1,'SUCCESSFUL',1.79605726169827485086e+09,1.79605726183415508271e+09,1.79605726183447575571e+09,1.79605726183730602264e+09,1.79605726183741807935e+09,1796057261.83742,1.79605726183747363084e+09,1.79605726183874750143e+09,0.0,22,'a host',1,'heliograph-thread-1',NULL,NULL,'shared',1.8813900000000003624e-04,NULL,0,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(1,1,1,1,'SUCCESSFUL',1.79605726169827485086e+09,1.79605726183976149561e+09,1.79605726183988738059e+09,1.79605726184034800532e+09,1.79605726184040665619e+09,1.79605726184040904048e+09,1.79605726184045052531e+09,1.79605726184060955044e+09,0.0,28,'a host',1,'heliograph-thread-1',NULL,NULL,'shared',1.1319799999999995534e-04,NULL,0,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(2,0,1,1,'FAILED',1.79605726187003350256e+09,1.7960572618714780807e+09,1.79605726187174367901e+09,1.79605726187238836288e+09,1.79605726187327980995e+09,1.79605726187328386305e+09,NULL,1.79605726187383961684e+09,0.0,70024,'a host',1,'heliograph-thread-1',NULL,NULL,'shared',0.00091208,NULL,0,0,0,0,NULL,NULL,'builtins.ValueError','broken','Traceback (most recent call last):
  File "<string>", line 10, in fail
ValueError: broken
',0);
CREATE TABLE changes (
	workflow INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	time DOUBLE NOT NULL, 
	what TEXT NOT NULL, 
	PRIMARY KEY (workflow, number)
)
 WITHOUT ROWID;
INSERT INTO "changes" VALUES(1,1,1,1.79605726183874750143e+09,'[["task",0,"SUCCESSFUL"]]');
INSERT INTO "changes" VALUES(1,2,1,1.79605726184060955044e+09,'[["task",1,"SUCCESSFUL"],["run",1,"SUCCESSFUL"]]');
INSERT INTO "changes" VALUES(2,1,1,1.79605726187383961684e+09,'[["attempt",0,1,"FAILED"],["task",0,"FAILED"],["run",1,"FAILED"]]');
CREATE TABLE dependencies (
	workflow INTEGER NOT NULL, 
	task INTEGER NOT NULL, 
	place INTEGER NOT NULL, 
	upstream INTEGER NOT NULL, 
	PRIMARY KEY (workflow, task, place)
)
 WITHOUT ROWID;
INSERT INTO "dependencies" VALUES(1,1,0,0);
CREATE TABLE functions (
	workflow INTEGER NOT NULL, 
	function INTEGER NOT NULL, 
	module TEXT NOT NULL, 
	qualname TEXT NOT NULL, 
	file TEXT, 
	line INTEGER, 
	source_hash VARCHAR(64), 
	payload BLOB NOT NULL, 
	is_async BOOLEAN NOT NULL, 
	PRIMARY KEY (workflow, function)
);
INSERT INTO "functions" VALUES(1,0,'__main__','add','<string>',7,'13a2a2bdc532dc502a828a812dbcbe789f7146b4faf65d34b2c373c2d008c642',X'800595FD010000000000008C17636C6F75647069636B6C652E636C6F75647069636B6C65948C0E5F6D616B655F66756E6374696F6E949394288C1968656C696F67726170682E67726170682E7069636B6C696E67948C085F696E5F66696C659493942868008C0D5F6275696C74696E5F747970659493948C08436F6465547970659485945294284B024B004B004B024B024B03430C97007C007C017A0000005300944E8594298C046C656674948C0572696768749486948C0E3C64796E616D69632D636F64653E948C03616464948C03616464944B07430C8000D80B0F9025893CD0041794430094292974948C083C737472696E673E948C0B63707974686F6E2D33313194749452947D94288C0B5F5F7061636B6167655F5F944E8C085F5F6E616D655F5F948C085F5F6D61696E5F5F94754E4E4E7494529468008C125F66756E6374696F6E5F7365747374617465949394681F7D947D9428681C8C03616464948C0C5F5F7175616C6E616D655F5F948C03616464948C0F5F5F616E6E6F746174696F6E735F5F947D948C0E5F5F6B7764656661756C74735F5F944E8C0C5F5F64656661756C74735F5F944E8C0A5F5F6D6F64756C655F5F94681D8C075F5F646F635F5F944E8C0B5F5F636C6F737572655F5F944E8C175F636C6F75647069636B6C655F7375626D6F64756C6573945D948C0B5F5F676C6F62616C735F5F947D947586948652302E',0);
INSERT INTO "functions" VALUES(2,0,'__main__','fail','<string>',9,'249841aea75b627208a0ccdadbb58dc34905b6fe6fd6e973939779f4737e1266',X'80059525020000000000008C17636C6F75647069636B6C652E636C6F75647069636B6C65948C0E5F6D616B655F66756E6374696F6E949394288C1968656C696F67726170682E67726170682E7069636B6C696E67948C085F696E5F66696C659493942868008C0D5F6275696C74696E5F747970659493948C08436F6465547970659485945294284B004B004B004B014B034B07432097007401000000000000000000006401A6010000AB0100000000000000008201944E8C0662726F6B656E9486948C0A56616C75654572726F729485948C015F9485948C0E3C64796E616D69632D636F64653E948C046661696C948C046661696C944B0943108000DD0A149058D10A1ED40A1ED0041E94430094292974948C083C737472696E673E948C0B63707974686F6E2D33313194749452947D94288C0B5F5F7061636B6167655F5F944E8C085F5F6E616D655F5F948C085F5F6D61696E5F5F94754E4E4E7494529468008C125F66756E6374696F6E5F736574737461746594939468217D947D9428681E8C046661696C948C0C5F5F7175616C6E616D655F5F948C046661696C948C0F5F5F616E6E6F746174696F6E735F5F947D948C0E5F5F6B7764656661756C74735F5F944E8C0C5F5F64656661756C74735F5F944E8C0A5F5F6D6F64756C655F5F94681F8C075F5F646F635F5F944E8C0B5F5F636C6F737572655F5F944E8C175F636C6F75647069636B6C655F7375626D6F64756C6573945D948C0B5F5F676C6F62616C735F5F947D947586948652302E',0);
CREATE TABLE heliograph_schema (
	version INTEGER NOT NULL, 
	values_part VARCHAR(32)
);
INSERT INTO "heliograph_schema" VALUES(5,NULL);
CREATE TABLE http_events (
	event INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	workflow INTEGER NOT NULL, 
	event_key VARCHAR(512) NOT NULL, 
	state VARCHAR(12) NOT NULL, 
	payload TEXT, 
	is_kept BOOLEAN NOT NULL, 
	sender_key VARCHAR(512), 
	sent_time DOUBLE NOT NULL, 
	task_id TEXT, 
	attempt INTEGER, 
	CHECK (state = 'KEPT' OR state = 'SENT' OR state = 'TAKEN' OR state = 'CHECKPOINTED')
);
CREATE TABLE http_listeners (
	workflow INTEGER NOT NULL, 
	task_id VARCHAR(512) NOT NULL, 
	event_key VARCHAR(512) NOT NULL, 
	run INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	PRIMARY KEY (workflow, task_id)
)
 WITHOUT ROWID;
CREATE TABLE owners (
	owner_id VARCHAR(64) NOT NULL, 
	host TEXT NOT NULL, 
	machine TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	process_start DOUBLE NOT NULL, 
	engine VARCHAR(16) NOT NULL, 
	lease_until DOUBLE NOT NULL, 
	code TEXT DEFAULT '{}' NOT NULL, 
	PRIMARY KEY (owner_id)
);
INSERT INTO "owners" VALUES('03b2d3bbf80a4853b77d6b15b029510a','a host','a machine',1,1.0,'embedded',0.0,'{}');
CREATE TABLE reports (
	workflow INTEGER NOT NULL, 
	task INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	done DOUBLE, 
	total DOUBLE, 
	message TEXT, 
	progress_time DOUBLE, 
	lines INTEGER NOT NULL, 
	points INTEGER NOT NULL, 
	lines_dropped INTEGER NOT NULL, 
	points_dropped INTEGER NOT NULL, 
	PRIMARY KEY (workflow, task, attempt)
)
 WITHOUT ROWID;
CREATE TABLE runs (
	workflow INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	reason VARCHAR(12) NOT NULL, 
	status VARCHAR(12) NOT NULL, 
	owner VARCHAR(64), 
	created_time DOUBLE NOT NULL, 
	start_time DOUBLE, 
	end_time DOUBLE, 
	cancel_time DOUBLE, 
	reused INTEGER NOT NULL, 
	code TEXT NOT NULL, 
	login TEXT, 
	argv TEXT NOT NULL, 
	hostname TEXT, 
	error_type TEXT, 
	error_message TEXT, 
	error_task INTEGER, 
	error BLOB, 
	PRIMARY KEY (workflow, run), 
	CHECK (status = 'PENDING' OR status = 'RUNNING' OR status = 'FAILED' OR status = 'RESUMABLE' OR status = 'CANCELED' OR status = 'SUCCESSFUL'), 
	CHECK (reason = 'start' OR reason = 'resume' OR reason = 'retry' OR reason = 'recovered')
)
 WITHOUT ROWID;
INSERT INTO "runs" VALUES(1,1,'start','SUCCESSFUL','03b2d3bbf80a4853b77d6b15b029510a',1.79605726169827485086e+09,1.79605726169827485086e+09,1.79605726184060955044e+09,NULL,0,'{}','somebody','[]','a host',NULL,NULL,NULL,NULL);
INSERT INTO "runs" VALUES(2,1,'start','FAILED','03b2d3bbf80a4853b77d6b15b029510a',1.79605726187003350256e+09,1.79605726187003350256e+09,1.79605726187383961684e+09,NULL,0,'{}','somebody','[]','a host','builtins.ValueError','broken',0,X'80059528000000000000008C086275696C74696E73948C0A56616C75654572726F729493948C0662726F6B656E94859452942E');
CREATE TABLE said (
	workflow INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	task INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	time DOUBLE NOT NULL, 
	text TEXT NOT NULL, 
	value DOUBLE, 
	step BIGINT, 
	PRIMARY KEY (workflow, number), 
	CHECK (kind = 'line' OR kind = 'point')
)
 WITHOUT ROWID;
CREATE TABLE stored_values (
	workflow INTEGER NOT NULL, 
	role VARCHAR(12) NOT NULL, 
	task INTEGER NOT NULL, 
	size BIGINT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	kind TEXT, 
	data BLOB, 
	location TEXT, 
	PRIMARY KEY (workflow, role, task), 
	CHECK (role = 'arguments' OR role = 'output'), 
	CHECK ((data IS NULL) <> (location IS NULL))
)
 WITHOUT ROWID;
INSERT INTO "stored_values" VALUES(1,'arguments',0,22,'4f178445086a4b93318ce6a83057e3d2ae6cae53c77fff3c216b901c7e17c77a',NULL,X'8005950B000000000000004B014B0286947D9486942E',NULL);
INSERT INTO "stored_values" VALUES(1,'arguments',1,23,'a779c4efe28d41396d9636e7ae64fa48e47bb7e92d485e482409fb85b82b82e9',NULL,X'8005950C000000000000004B00514B0386947D9486942E',NULL);
INSERT INTO "stored_values" VALUES(1,'output',0,5,'f20eca1c87acdcf3a9f44026687be53c96b2f817533b8d55da475996e5bacdc1','builtins.int',X'80054B032E',NULL);
INSERT INTO "stored_values" VALUES(1,'output',1,5,'31068125b3d6543518fbb7ce7878b1db2ebfb1268f2af67483779f91f5c99530','builtins.int',X'80054B062E',NULL);
INSERT INTO "stored_values" VALUES(2,'arguments',0,70024,'69da9acf5a7db4827a48b1f962db024cde4d7636ec0416ac809e35e1c919ec6e',NULL,NULL,'submitted-835de0b0fa584b069df70d9c9ea34221/69da9acf5a7db4827a48b1f962db024cde4d7636ec0416ac809e35e1c919ec6e.zst');
CREATE TABLE task_labels (
	workflow INTEGER NOT NULL, 
	task INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	place INTEGER NOT NULL, 
	text TEXT, 
	number DOUBLE, 
	PRIMARY KEY (workflow, task, path, place)
)
 WITHOUT ROWID;
INSERT INTO "task_labels" VALUES(1,1,'unit',0,'orders',NULL);
CREATE TABLE tasks (
	workflow INTEGER NOT NULL, 
	task INTEGER NOT NULL, 
	task_id TEXT NOT NULL, 
	function INTEGER NOT NULL, 
	status VARCHAR(12) NOT NULL, 
	options TEXT NOT NULL, 
	user_metadata TEXT NOT NULL, 
	reused_in INTEGER, 
	creator INTEGER, 
	frame INTEGER, 
	delivers_to INTEGER, 
	due DOUBLE, 
	PRIMARY KEY (workflow, task), 
	CHECK (status = 'PENDING' OR status = 'READY' OR status = 'RUNNING' OR status = 'WAITING' OR status = 'SUCCESSFUL' OR status = 'FAILED' OR status = 'CANCELED')
)
 WITHOUT ROWID;
INSERT INTO "tasks" VALUES(1,0,'first',0,'SUCCESSFUL','{}','{}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "tasks" VALUES(1,1,'second',0,'SUCCESSFUL','{}','{"unit": "orders"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "tasks" VALUES(2,0,'__main__.fail',0,'FAILED','{"task_type": "FUNCTION", "max_retries": 0, "retry_exceptions": false, "catch_exceptions": false, "checkpoint": true, "retry_delay": 0.0, "retry_delay_max": 60.0}','{}',NULL,NULL,NULL,NULL,NULL);
CREATE TABLE workflow_counts (
	shard INTEGER NOT NULL, 
	status VARCHAR(12) NOT NULL, 
	workflows BIGINT NOT NULL, 
	PRIMARY KEY (shard, status), 
	CHECK (status = 'PENDING' OR status = 'RUNNING' OR status = 'FAILED' OR status = 'RESUMABLE' OR status = 'CANCELED' OR status = 'SUCCESSFUL')
)
 WITHOUT ROWID;
INSERT INTO "workflow_counts" VALUES(16,'FAILED',1);
INSERT INTO "workflow_counts" VALUES(16,'SUCCESSFUL',1);
CREATE TABLE workflow_labels (
	workflow INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	place INTEGER NOT NULL, 
	text TEXT, 
	number DOUBLE, 
	PRIMARY KEY (workflow, path, place)
)
 WITHOUT ROWID;
INSERT INTO "workflow_labels" VALUES(1,'tags',0,'[]',NULL);
INSERT INTO "workflow_labels" VALUES(1,'tags[]',0,NULL,1.0);
INSERT INTO "workflow_labels" VALUES(1,'tags[]',1,'x',NULL);
INSERT INTO "workflow_labels" VALUES(1,'team',0,'blue',NULL);
CREATE TABLE workflows (
	"key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	workflow_id VARCHAR(512) NOT NULL, 
	name TEXT NOT NULL, 
	status VARCHAR(12) NOT NULL, 
	run INTEGER NOT NULL, 
	created_time DOUBLE NOT NULL, 
	user_metadata TEXT NOT NULL, 
	output_task INTEGER NOT NULL, 
	output_options TEXT NOT NULL, 
	progress TEXT NOT NULL, 
	parent VARCHAR(512), 
	owner VARCHAR(64), 
	start_time DOUBLE, 
	end_time DOUBLE, 
	CHECK (status = 'PENDING' OR status = 'RUNNING' OR status = 'FAILED' OR status = 'RESUMABLE' OR status = 'CANCELED' OR status = 'SUCCESSFUL'), 
	UNIQUE (workflow_id)
);
INSERT INTO "workflows" VALUES(1,'good','__main__.add','SUCCESSFUL',1,1.79605726169827485086e+09,'{"team": "blue", "tags": [1, "x"]}',1,'{}','{"SUCCESSFUL": 2}',NULL,'03b2d3bbf80a4853b77d6b15b029510a',1.79605726169827485086e+09,1.79605726184060955044e+09);
INSERT INTO "workflows" VALUES(2,'bad','__main__.fail','FAILED',1,1.79605726187003350256e+09,'{}',0,'{"task_type": "FUNCTION", "max_retries": 0, "retry_exceptions": false, "catch_exceptions": false, "checkpoint": true, "retry_delay": 0.0, "retry_delay_max": 60.0}','{"FAILED": 1}',NULL,'03b2d3bbf80a4853b77d6b15b029510a',1.79605726187003350256e+09,1.79605726187383961684e+09);
CREATE INDEX functions_by_name ON functions (qualname, workflow);
CREATE INDEX http_events_by_key ON http_events (workflow, event_key);
CREATE INDEX http_events_by_state ON http_events (state);
CREATE INDEX http_listeners_by_key ON http_listeners (workflow, event_key);
CREATE INDEX said_by_task ON said (workflow, task, number);
CREATE INDEX task_labels_by_number ON task_labels (path, number, workflow, task) WHERE number IS NOT NULL;
CREATE INDEX task_labels_by_text ON task_labels (path, text, workflow, task);
CREATE UNIQUE INDEX tasks_by_id ON tasks (workflow, task_id);
CREATE INDEX tasks_failed ON tasks (workflow, task) WHERE status = 'FAILED';
CREATE INDEX workflow_labels_by_number ON workflow_labels (path, number, workflow) WHERE number IS NOT NULL;
CREATE INDEX workflow_labels_by_text ON workflow_labels (path, text, workflow);
CREATE INDEX workflows_by_status ON workflows (status, "key");
CREATE INDEX workflows_by_time ON workflows (created_time);
CREATE VIEW heliograph_workflows AS SELECT workflows.workflow_id AS workflow_id, workflows.name AS name, workflows.status AS status, workflows.created_time AS created_time, workflows.run AS run, workflows.start_time AS start_time, workflows.end_time AS end_time, workflows.end_time - workflows.start_time AS took, workflows.progress AS progress, workflows.user_metadata AS user_metadata, workflows.parent AS parent, owners.engine AS engine, owners.host AS host, owners.pid AS pid, owners.lease_until AS lease_until, runs.error_type AS error_type, runs.error_message AS error_message, failed.task_id AS error_task_id 
FROM workflows LEFT OUTER JOIN owners ON owners.owner_id = workflows.owner LEFT OUTER JOIN runs ON runs.workflow = workflows."key" AND runs.run = workflows.run LEFT OUTER JOIN tasks AS failed ON failed.workflow = runs.workflow AND failed.task = runs.error_task;
CREATE VIEW heliograph_runs AS SELECT workflows.workflow_id AS workflow_id, runs.run AS run, runs.reason AS reason, runs.status AS status, runs.created_time AS created_time, runs.start_time AS start_time, runs.end_time AS end_time, runs.cancel_time AS cancel_time, runs.end_time - runs.start_time AS took, runs.reused AS reused, runs.code AS code, runs.login AS login, runs.argv AS argv, runs.hostname AS hostname, runs.error_type AS error_type, runs.error_message AS error_message, failed.task_id AS error_task_id 
FROM runs LEFT OUTER JOIN tasks AS failed ON failed.workflow = runs.workflow AND failed.task = runs.error_task JOIN workflows ON workflows."key" = runs.workflow;
CREATE VIEW heliograph_tasks AS SELECT workflows.workflow_id AS workflow_id, tasks.task_id AS task_id, tasks.status AS status, functions.module AS module, functions.qualname AS function, functions.file AS file, functions.line AS line, functions.source_hash AS source_hash, CASE WHEN (tasks.options = '{}') THEN '{"task_type": "FUNCTION", "max_retries": 3, "retry_exceptions": false, "catch_exceptions": false, "checkpoint": true, "retry_delay": 0.0, "retry_delay_max": 60.0}' ELSE tasks.options END AS options, tasks.user_metadata AS user_metadata, tasks.reused_in AS reused_in, creators.task_id AS creator, stored_values.kind AS output_type, stored_values.size AS output_size, stored_values.sha256 AS output_sha256, stored_values.location AS output_location 
FROM tasks JOIN workflows ON workflows."key" = tasks.workflow JOIN functions ON functions.workflow = tasks.workflow AND functions.function = tasks.function LEFT OUTER JOIN stored_values ON stored_values.workflow = tasks.workflow AND stored_values.task = tasks.task AND stored_values.role = 'output' LEFT OUTER JOIN tasks AS creators ON creators.workflow = tasks.workflow AND creators.task = tasks.creator;
CREATE VIEW heliograph_attempts AS SELECT workflows.workflow_id AS workflow_id, tasks.task_id AS task_id, attempts.attempt AS attempt, attempts.run AS run, attempts.status AS status, attempts.created AS created, attempts.ready AS ready, attempts.submitted AS submitted, attempts.started AS started, attempts.loaded AS loaded, attempts.finished AS finished, attempts.serialised AS serialised, attempts.stored AS stored, attempts.backoff AS backoff, (attempts.ready - attempts.created) - attempts.backoff AS wait, attempts.started - attempts.ready AS queue, attempts.loaded - attempts.started AS load, attempts.finished - coalesce(attempts.loaded, attempts.started) AS compute, attempts.stored - attempts.finished AS store, attempts.inputs_size AS inputs_size, attempts.host AS host, attempts.pid AS pid, attempts.worker_id AS worker_id, attempts.node_id AS node_id, attempts.ray AS ray, reports.done AS done, reports.total AS total, reports.message AS message, reports.progress_time AS progress_time, attempts.measured AS measured, attempts.cpu_time AS cpu_time, attempts.peak_rss AS peak_rss, attempts.read_bytes AS read_bytes, attempts.write_bytes AS write_bytes, attempts.voluntary_switches AS voluntary_switches, attempts.involuntary_switches AS involuntary_switches, attempts.exit_code AS exit_code, attempts.signal AS signal, attempts.error_type AS error_type, attempts.error_message AS error_message, attempts.error_traceback AS error_traceback 
FROM attempts JOIN workflows ON workflows."key" = attempts.workflow JOIN tasks ON tasks.workflow = attempts.workflow AND tasks.task = attempts.task LEFT OUTER JOIN reports ON reports.workflow = attempts.workflow AND reports.task = attempts.task AND reports.attempt = attempts.attempt;
CREATE VIEW heliograph_logs AS SELECT workflows.workflow_id AS workflow_id, tasks.task_id AS task_id, said.attempt AS attempt, said.number AS number, said.time AS time, said.text AS text 
FROM said JOIN workflows ON workflows."key" = said.workflow AND said.kind = 'line' JOIN tasks ON tasks.workflow = said.workflow AND tasks.task = said.task;
CREATE VIEW heliograph_metrics AS SELECT workflows.workflow_id AS workflow_id, tasks.task_id AS task_id, said.attempt AS attempt, said.number AS number, said.time AS time, said.text AS "key", said.value AS value, said.step AS step 
FROM said JOIN workflows ON workflows."key" = said.workflow AND said.kind = 'point' JOIN tasks ON tasks.workflow = said.workflow AND tasks.task = said.task;
CREATE VIEW heliograph_dependencies AS SELECT workflows.workflow_id AS workflow_id, tasks.task_id AS task_id, upstreams.task_id AS upstream 
FROM dependencies JOIN workflows ON workflows."key" = dependencies.workflow JOIN tasks ON tasks.workflow = dependencies.workflow AND tasks.task = dependencies.task JOIN tasks AS upstreams ON upstreams.workflow = dependencies.workflow AND upstreams.task = dependencies.upstream;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('workflows',2);
COMMIT;
