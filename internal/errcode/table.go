package errcode

import "slices"

// table is the catalogue. A released code never changes; its texts may.
var table = slices.Concat(cameraEntries, storeEntries, serverEntries)

// storeEntries are the codes of the configuration, alerts, their store and sinks, weights and calibrations.
var storeEntries = []Entry{
	{
		Code: ConfigNoFile, Title: "The configuration cannot be read",
		Cause:  "The file that -c names is not there, is a folder or too large, or may not be read.",
		Remedy: "Correct the path, or write a file to start from with 'vigil config init'.",
	},
	{
		Code: ConfigNotYAML, Title: "The configuration is not valid YAML",
		Cause: "The file has a fault in its syntax at the line that the error names, or is empty.",
		Remedy: "Correct the line: indent with blanks, put a blank behind each colon, and quote texts with special " +
			"characters.",
	},
	{
		Code: ConfigUnknownKey, Title: "A key is not known",
		Cause: "The configuration has a key that vigil does not know in this place.",
		Remedy: "Correct its spelling or its indentation; 'vigil config schema' and the file of 'vigil config " +
			"init' have all keys.",
	},
	{
		Code: ConfigBadValue, Title: "A value is not valid",
		Cause: "A key of the configuration has a value that does not fit; the error names the key, the line and " +
			"what would be right.",
		Remedy: "Change the value as the error says, and try it with 'vigil config check'.",
	},
	{
		Code: ConfigMissingVariable, Title: "A variable of the environment is not set",
		Cause: "The configuration uses ${NAME}, and the environment of vigil has no such variable.",
		Remedy: "Set it where vigil is started (in a unit Environment= or EnvironmentFile=, in Compose env_file); " +
			"a plain ${ is written $${.",
	},
	{
		Code: ConfigReload, Title: "A new configuration is not used",
		Cause: "The configuration file has changed, or weights or a calibration that it names, and something in it " +
			"is wrong or cannot be read. All cameras go on as before.",
		Remedy: "Correct what the error names, and try it with 'vigil config check --offline'; the file is read " +
			"again as soon as it changes, and at SIGHUP.",
	},
	{
		Code: ConfigRestart, Title: "Keys have changed that need a restart",
		Cause: "The configuration file has changed while vigil runs. The message names keys that are only read at " +
			"the start; everything else is in force.",
		Remedy: "Start vigil again when it suits.",
	},
	{
		Code: StoreLocked, Title: "The store is in use",
		Cause: "Another vigil has the data_dir open.",
		Remedy: "Stop the other vigil, or give this one another data_dir. 'vigil alerts --local' reads the store " +
			"of a running one.",
	},
	{
		Code: StoreNotRunning, Title: "No vigil runs on this store",
		Cause:  "What was asked for needs the vigil that runs on this data_dir, and none does.",
		Remedy: "Start 'vigil run' with this configuration, or check data_dir and the user.",
	},
	{
		Code: StoreDiskFull, Title: "The disk is full",
		Cause: "An alert or another file of data_dir could not be written because there is no space left.",
		Remedy: "Free space on the disk of data_dir or lower outbox.size and evidence.size. Alerts wait and are " +
			"stored once there is space.",
	},
	{
		Code: StoreFull, Title: "The store has reached its size",
		Cause:  "The alerts that no sink has taken yet fill outbox.size, so new ones wait.",
		Remedy: "Repair the sink that is behind ('vigil outbox list' and the log name it), or raise outbox.size.",
	},
	{
		Code: StoreReadOnly, Title: "The store cannot be written",
		Cause:  "The folder of data_dir is read-only, or its owner is another user.",
		Remedy: "Mount it writable and give it to the user that vigil runs as, or name another data_dir.",
	},
	{
		Code: StoreFailing, Title: "Alerts cannot be stored",
		Cause: "The server inside vigil did not store an alert, for the reason in the error; it is tried again " +
			"and no alert is dropped meanwhile.",
		Remedy: "Act on the error; check disk and system log. 'vigil store check' reads every block.",
	},
	{
		Code: StoreDamaged, Title: "Files of the store are damaged",
		Cause: "A file of the store does not match its checksums, as after a power cut or with a failing disk. " +
			"The damaged file is quarantined.",
		Remedy: "Check the disk. 'vigil store check' reports the damage and 'vigil store repair' restores what " +
			"can be found.",
	},
	{
		Code: StoreAlertsMissing, Title: "Alerts are missing from the store",
		Cause:  "Alerts that were stored before are not there any more; the numbers say which.",
		Remedy: "'vigil store repair --from' a backup restores them; find out what deleted or damaged the files.",
	},
	{
		Code: StoreMoved, Title: "The store was moved or deleted while vigil runs",
		Cause: "The folder of data_dir is not the one that vigil opened.",
		Remedy: "Stop vigil before moving or restoring data_dir; 'vigil store repair --from' the old folder restores " +
			"alerts.",
	},
	{
		Code: StoreStreamChanged, Title: "Another program changed the stream of alerts",
		Cause: "A client with write access to the server inside vigil deleted, sealed or changed the stream.",
		Remedy: "Give other programs accounts with rights: read (nats.embedded.accounts); a sealed stream must be " +
			"exported and deleted.",
	},
	{
		Code: StorePositionsLost, Title: "Cursors of the outbox were lost",
		Cause:  "The cursor of a sink could not be read and was replaced by the best known value.",
		Remedy: "None: some alerts may be delivered again, or the line says which are not. Check the disk.",
	},
	{
		Code: StoreLedger, Title: "The ledger cannot be written or read",
		Cause: "The list that shows losses in the store cannot be written or is damaged; alerts are stored all " +
			"the same.",
		Remedy: "Check the disk, its room and the owner of data_dir.",
	},
	{
		Code: StoreNewerFormat, Title: "The store was written by a newer vigil",
		Cause:  "The data_dir has a format that this version does not know.",
		Remedy: "Run the newer vigil, or give this one another data_dir.",
	},
	{
		Code: StoreFormat, Title: "The version of the data directory cannot be read",
		Cause:  "The file format in data_dir does not hold a number, or cannot be read or written.",
		Remedy: "Write the version of the vigil that ran here last into it; check the folder's owner.",
	},
	{
		Code: StoreNoStream, Title: "There are no alerts yet",
		Cause:  "The server has no stream of alerts: nothing has been stored there so far.",
		Remedy: "None if vigil is new here; otherwise check that the address is the right server and account.",
	},
	{
		Code: StoreNoAlert, Title: "There is no such alert",
		Cause:  "No stored alert has this id, or it was deleted to make room.",
		Remedy: "Look the id up with 'vigil alerts --since'.",
	},
	{
		Code: StoreUnreadable, Title: "Stored alerts cannot be read",
		Cause:  "Some messages of the stream are damaged and are left out.",
		Remedy: "Check the disk, then 'vigil store check'.",
	},
	{
		Code: StoreSwitches, Title: "Switches of a camera cannot be read or stored",
		Cause: "An entry of the bucket of switches is damaged or of another version and is ignored: the camera runs " +
			"as configured. Or a change could not be written, and does not count.",
		Remedy: "Set the switch again ('vigil camera pause' and so on), which replaces the entry; check the disk.",
	},
	{
		Code: StoreCameras, Title: "Cameras that were made at run time cannot be read or stored",
		Cause: "An entry of the bucket of cameras, or the key of their addresses (cameras.key in data_dir), is " +
			"damaged, missing or of another version: that camera is not watched, and 'vigil camera list' says why. " +
			"Or a change could not be written, and does not count.",
		Remedy: "Remove the camera and add it again ('vigil camera remove', 'vigil camera add'); check the disk.",
	},
	{
		Code: SinkUnreachable, Title: "The other side cannot be reached",
		Cause: "Nothing answers at the address of nats.url, mqtt.url or webhook.url, or the connection broke.",
		Remedy: "Start the server, correct the address, check firewall and name. Alerts wait and are delivered " +
			"afterwards.",
	},
	{
		Code: SinkUnauthorized, Title: "The other side does not accept the login",
		Cause:  "User, password, token, key or client certificate is not what the server expects.",
		Remedy: "Correct the login in the configuration (nats, mqtt or webhook).",
	},
	{
		Code: SinkNotAllowed, Title: "The user may not do this",
		Cause: "The server knows the user and does not permit the subject, the topic or the address.",
		Remedy: "Allow this user to publish to vigil.> and to subscribe to _INBOX.> (NATS), or to publish below " +
			"mqtt.topic and mqtt.discovery.",
	},
	{
		Code: SinkTLS, Title: "TLS to the other side fails",
		Cause: "The server's certificate is not trusted or is for another name, or the two sides disagree on TLS.",
		Remedy: "Name the authority's file in the key tls.ca, use the name in the certificate, and use tls://, " +
			"ssl:// or https:// where the server does.",
	},
	{
		Code: SinkBadAnswer, Title: "The other side does not accept alerts now",
		Cause: "The server answers with an error that is not about the message, such as a status of 404, 429 or " +
			"5xx.",
		Remedy: "Check the address and the server's own log. The alert is tried again every few seconds.",
	},
	{
		Code: SinkRefusedMessage, Title: "The other side refuses this message",
		Cause: "The server refuses the message because of its content, for example with status 400, or its size; " +
			"another " +
			"try will not help.",
		Remedy: "Correct the receiver (for NATS max_payload or max_msg_size); 'vigil outbox list' shows what is " +
			"set aside and 'vigil outbox retry' sends it again.",
	},
	{
		Code: SinkNotAcknowledged, Title: "A message was not acknowledged in time",
		Cause: "The other side took the message and did not confirm it, or is very slow; it is sent again with " +
			"the same id.",
		Remedy: "Check the load and the disk of the server, and the network.",
	},
	{
		Code: SinkNoRoom, Title: "The other server has no room",
		Cause:  "The stream, bucket or account at the other server is full, or this account may not create it.",
		Remedy: "Raise its limits, or delete what is old there.",
	},
	{
		Code: SinkClientID, Title: "Another MQTT client uses the same id",
		Cause: "The broker ends the connection soon after it is made, as it does when a second client has the " +
			"same id.",
		Remedy: "Do not run two vigils with a copy of one data_dir; delete the file id in the copy.",
	},
	{
		Code: SinkSharedTopic, Title: "Two vigils share an MQTT topic",
		Cause:  "Another client publishes on this vigil's topic that vigil is offline.",
		Remedy: "Give each vigil at one broker a mqtt.topic of its own.",
	},
	{
		Code: SinkRetained, Title: "Retained MQTT topics may stay",
		Cause:  "Old topics could not be deleted, or the list of them (mqtt.json) could not be written.",
		Remedy: "Delete the topics that the line names at the broker; check the owner of data_dir.",
	},
	{
		Code: SinkNotOurs, Title: "A message in the stream is not of this vigil",
		Cause:  "Another program stored a message in the stream of alerts; it is not forwarded.",
		Remedy: "Find the program with an account that may write, and give it rights: read.",
	},
	{
		Code: SinkLostAside, Title: "An alert that was set aside is lost",
		Cause:  "More alerts were refused than are stored aside (64 MiB); the oldest was dropped.",
		Remedy: "Correct the receiver, then 'vigil outbox retry' or 'vigil outbox drop' what is left.",
	},
	{
		Code: SinkQueue, Title: "An alert was not stored before vigil ended",
		Cause:  "The queue of alerts could not be emptied in the time that vigil had to stop.",
		Remedy: "Check what the store waited for in the lines before; give the service more time to stop.",
	},
	{
		Code: SinkCommand, Title: "A command over MQTT was ignored",
		Cause: "A message to a camera's enabled/set or snooze/set is not a valid command, is retained, names a " +
			"camera that is not configured, or too many came.",
		Remedy: "Publish ON or OFF, or minutes, without the retain flag; find the client that publishes there.",
	},
	{
		Code: WeightsNotReadable, Title: "The weights cannot be read",
		Cause:  "The file that -m or the key model names is not there, is a folder, or may not be read.",
		Remedy: "Correct the path or the rights of the file.",
	},
	{
		Code: WeightsWrongKind, Title: "The file holds no weights of vigil",
		Cause: "The file is not safetensors (or, for import, not a state dict of PyTorch), or is damaged.",
		Remedy: "Give a file of 'vigil train' or of weights/; convert others with 'vigil model import'. Copy it " +
			"again if it was cut off.",
	},
	{
		Code: WeightsNoMetadata, Title: "The weights do not describe their network",
		Cause:  "The file has tensors but no hyper-parameters in its metadata.",
		Remedy: "Run 'vigil model import' on it.",
	},
	{
		Code: WeightsChoosePrefix, Title: "The file holds several networks",
		Cause:  "Several sets of tensors are in the file, or none with the given prefix.",
		Remedy: "Choose one with --prefix; the error names them.",
	},
	{
		Code: WeightsWrongNetwork, Title: "The tensors do not fit the network",
		Cause:  "Tensors are missing, unknown, of another shape, or hold values that are not finite.",
		Remedy: "Use the file as it was written; for an import give the right preset.",
	},
	{
		Code: WeightsNoPlace, Title: "The weights know no place, and the camera has no calibration that shows it",
		Cause: "Base weights have learned many places. Their score compares with the empty scene of the camera, " +
			"which only a calibration of the camera holds.",
		Remedy: "Run 'vigil calibrate' on normal video of the camera and give its file, or train weights for the " +
			"place.",
	},
	{
		Code: CalibrationNotReadable, Title: "The calibration cannot be read",
		Cause:  "The file of the key calibration is not there or may not be read.",
		Remedy: "Correct the path, or make it with 'vigil calibrate'.",
	},
	{
		Code: CalibrationWrongKind, Title: "The file is not a calibration",
		Cause:  "The file is not a record that 'vigil calibrate' wrote, or its values contradict each other.",
		Remedy: "Name the right file, or make a new one with 'vigil calibrate'.",
	},
	{
		Code: CalibrationVersion, Title: "The calibration is of another version",
		Cause:  "The record was written by a version of vigil whose records this one does not read.",
		Remedy: "Make a new one with 'vigil calibrate'.",
	},
	{
		Code: CalibrationChanged, Title: "The calibration was changed by hand",
		Cause:  "The record's id does not fit its content.",
		Remedy: "Make a new one with 'vigil calibrate'; use the key threshold to set a threshold by hand.",
	},
	{
		Code: CalibrationMismatch, Title: "The calibration does not fit the camera",
		Cause: "Camera, weights, mask, picture size, frame rate or hop differ from what the calibration was made " +
			"with.",
		Remedy: "Undo the change that the error names, or make a new one with 'vigil calibrate'.",
	},
	{
		Code: CalibrationNone, Title: "There is no threshold",
		Cause:  "The camera has neither a calibration nor a threshold, so that scores are published and no alerts.",
		Remedy: "Make one with 'vigil calibrate' and name it in the key calibration.",
	},
	{
		Code: CalibrationDoubtful, Title: "The threshold is provisional",
		Cause:  "The normal video was too short or too uneven for a threshold that keeps to the budget.",
		Remedy: "Calibrate with more normal video, if possible whole days.",
	},
	{
		Code: CalibrationNoReference, Title: "Whether the camera is covered or moved is not checked",
		Cause: "The calibration has no view of the place: an earlier version made it, or of less than ten seconds of " +
			"video.",
		Remedy: "Make a new calibration with 'vigil calibrate', or set untrusted: off.",
	},
	{
		Code: EvidenceMissing, Title: "A picture or clip of an alert is missing",
		Cause:  "It could not be made or kept, for the reason in the line; the alert itself is complete.",
		Remedy: "Act on the reason: mostly load, the key buffers, or the room of evidence.size.",
	},
	{
		Code: EvidenceDamaged, Title: "A stored picture or clip is damaged",
		Cause:  "Its data are missing or do not match its digest.",
		Remedy: "Check the disk. The others are not affected.",
	},
	{
		Code: EvidenceNotCopied, Title: "Evidence is not copied to the server",
		Cause:  "The other server did not take the object; alerts go on.",
		Remedy: "Check room and rights for object stores (VIGIL_EVIDENCE_*) at that server.",
	},
	{
		Code: EvidenceExpire, Title: "Old evidence was not deleted",
		Cause:  "Objects older than evidence.keep could not be removed.",
		Remedy: "Check disk and rights of data_dir; it is tried again.",
	},
	{
		Code: TrainingTooLittle, Title: "There is too little video",
		Cause:  "The recordings are too short to learn or to calibrate from.",
		Remedy: "Give more or longer recordings of normal life.",
	},
	{
		Code: BuildNoOpenCV, Title: "This vigil was built without OpenCV",
		Cause:  "The binary has no code to decode video, because it was built without cgo.",
		Remedy: "Build it with 'make build' on Linux, or use the container image.",
	},
}
