package errcode

// table is the catalogue. A released code never changes; its texts may.
var table = []Entry{
	{
		Code: CameraUnreachable, Title: "The camera cannot be reached",
		Cause: "There is no connection to the camera's address, or the connection gets no answer.",
		Remedy: "Check that the camera has power and network, and that host and port in the key source are right; " +
			"try the address with another player.",
	},
	{
		Code: CameraUnknown, Title: "There is no such camera",
		Cause:  "The vigil that runs has no camera of this name, and no switches of one are stored.",
		Remedy: "Look the names up with 'vigil camera list'; -c or --data-dir selects another vigil.",
	},
	{
		Code: CameraOfFile, Title: "The camera is one of the configuration file",
		Cause: "'vigil camera add', 'set' and 'remove' change cameras that are made at run time. The configuration " +
			"file owns the cameras that it names.",
		Remedy: "Change the camera in the file, which vigil reads again by itself, or choose another name.",
	},
	{
		Code: CameraChanged, Title: "The camera was changed meanwhile",
		Cause: "The change names a revision of the camera (If-Match), or that there is none, and the camera has " +
			"another one: somebody else has changed, added or removed it.",
		Remedy: "Look at the camera with 'vigil camera show', and make the change again.",
	},
	{
		Code: CameraTwice, Title: "Two cameras have one name",
		Cause: "The configuration file has a camera of the name of one that was made at run time. At a start the " +
			"file's camera is watched and the other one is not; while vigil runs such a file is not taken up.",
		Remedy: "Give the camera of the file another name, or remove the other one ('vigil camera remove').",
	},
	{
		Code: CameraRefused, Title: "The camera refuses the stream",
		Cause: "The server answered and refuses: it does not allow this user the stream, or it answers with " +
			"another error status.",
		Remedy: "Read the status in the error; check the user's rights in the camera, its limit of connections, " +
			"and the path in the key source.",
	},
	{
		Code: CameraUnauthorized, Title: "User or password is wrong",
		Cause: "The camera wants a user name and a password, or does not accept the ones in the key source.",
		Remedy: "Correct the login in the key source, as rtsp://user:password@host/path; write special characters " +
			"as %40 and so on, or use ${NAME}. Some cameras lock an account after several attempts.",
	},
	{
		Code: CameraUnknownLogin, Title: "The camera asks for a login method that is not supported",
		Cause:  "The server offers neither basic authentication nor digest with MD5.",
		Remedy: "Enable digest or basic authentication in the camera, over rtsps or https where it can.",
	},
	{
		Code: CameraNotFound, Title: "The camera has no such stream",
		Cause:  "The server answers 404: the path in the key source is not one of its streams.",
		Remedy: "Look up the path of the stream in the camera's manual and correct the key source.",
	},
	{
		Code: CameraUntrustedCertificate, Title: "The camera's certificate is not trusted",
		Cause: "The key trust asks for a certificate that the camera does not show, or the connection could not " +
			"be checked.",
		Remedy: "Set trust to the file with the camera's certificate or its authority, or check who stands between " +
			"this machine and the camera.",
	},
	{
		Code: CameraElsewhere, Title: "The camera leads to another host",
		Cause: "A redirect, a playlist or a description of streams names a host other than the camera's own.",
		Remedy: "If that host belongs to the camera, name it in the key follow; otherwise use the address of the " +
			"stream itself.",
	},
	{
		Code: CameraNoVideo, Title: "No video can be decoded",
		Cause: "The source has sound only, no picture came while it was opened, or its coding is not known to " +
			"this FFmpeg.",
		Remedy: "Choose a stream with video in H.264, H.265 or motion JPEG; convert a recording with FFmpeg.",
	},
	{
		Code: CameraNoPicture, Title: "No picture comes",
		Cause: "The connection stands, but no picture came within read_timeout: the camera hangs, the network " +
			"loses packets, or key frames are rare.",
		Remedy: "Check camera and network; set the distance of key frames to 1 to 4 s in the camera, use " +
			"transport: tcp, or raise read_timeout.",
	},
	{
		Code: CameraLost, Title: "The stream broke off",
		Cause: "The camera or the network ended the connection, or the stream changed in the middle.",
		Remedy: "None if it comes back: vigil connects again forever. Where it happens often, check the network, " +
			"the camera's power and its number of viewers.",
	},
	{
		Code: CameraFrozen, Title: "The picture is frozen",
		Cause: "The same picture, bit for bit, has come for longer than frozen_after.",
		Remedy: "Restart the camera; check the recorder or relay between. A source that is still by design needs " +
			"frozen_after: 0s.",
	},
	{
		Code: CameraTooLarge, Title: "The picture is too large",
		Cause:  "The picture has more pixels than are read (those of 8K), or its file would need too much memory.",
		Remedy: "Choose a smaller stream in the camera, such as its second one, or scale the file down.",
	},
	{
		Code: CameraMemory, Title: "The camera's process takes too much memory",
		Cause:  "The process that reads the camera grew above the key memory and was ended; it is started again.",
		Remedy: "Choose a smaller stream, or raise the key memory of this camera.",
	},
	{
		Code: CameraProcessDied, Title: "The camera's process died",
		Cause: "The process that reads the camera ended, as by a crash in a video library or by a signal; it is " +
			"started again.",
		Remedy: "None if it is rare. Where it comes again, update FFmpeg and OpenCV, look for the out-of-memory " +
			"killer in the system's log, and report the signal in the error.",
	},
	{
		Code: CameraProtocol, Title: "The camera's process sent something invalid",
		Cause: "What came through the pipe from the process that reads the camera failed its checks; the process " +
			"is replaced.",
		Remedy: "Where it comes again, suspect what this camera sends: read it through a relay, update FFmpeg, and " +
			"report it.",
	},
	{
		Code: CameraSizeMismatch, Title: "The picture size is not the calibration's",
		Cause: "The camera sends pictures of another size than it was calibrated for; clips are scored and alerts " +
			"are held.",
		Remedy: "Set the camera back to the size that the state names, or make a new calibration with 'vigil " +
			"calibrate'.",
	},
	{
		Code: CameraRateMismatch, Title: "The frame rate is not the calibration's",
		Cause: "Pictures come more than 25 % faster or slower than calibrated; clips are scored and alerts are " +
			"held.",
		Remedy: "Set the camera back to the rate that the state names (many cameras lower it at night), set the " +
			"key fps, or make a new calibration.",
	},
	{
		Code: CameraUntrusted, Title: "The camera cannot be trusted",
		Cause: "It does not show the place that it was calibrated on: it is covered, dark, blinded, out of focus, " +
			"sprayed, frozen, moved or turned. Its clips are scored, and alerts of events are held.",
		Remedy: "Look at the picture, and give the camera its view back. Where the new view is meant, make a new " +
			"calibration; a camera that pans on a tour needs untrusted: off.",
	},
	{
		Code: CameraNoClips, Title: "No 16 pictures in a row come",
		Cause: "Pictures come, but with gaps so often that no clip can be made of them.",
		Remedy: "Check the network between camera and vigil, use transport: tcp, and lower the bit rate of the " +
			"camera.",
	},
	{
		Code: CameraUnscorable, Title: "Clips cannot be scored",
		Cause:  "The model gave no finite score for several clips in a row, or the mask covers the whole picture.",
		Remedy: "Read the reason in the line; check the key mask and the weights (key model).",
	},
	{
		Code: CameraOverloaded, Title: "This machine is too slow for these cameras",
		Cause: "Clips are skipped or cameras are paused in turn, because decoding and scoring take longer than " +
			"the pictures do to come.",
		Remedy: "Watch fewer cameras, raise hop, lower fps or the streams' size, or use smaller weights; 'vigil " +
			"bench --cameras' measures what fits.",
	},
	{
		Code: CameraNote, Title: "The camera's stream is unusual",
		Cause:  "The stream is read, but something about it may cost pictures or accuracy; the line says what.",
		Remedy: "Follow the line's advice, mostly a setting of the camera. Each note of a camera is logged once.",
	},
	{
		Code: CameraPaused, Title: "The camera is paused",
		Cause:  "Somebody has paused the camera, so it is not even opened, and there is no picture of it.",
		Remedy: "Resume it with 'vigil camera resume'; a pause with an end is over by itself.",
	},
	{
		Code: CameraNoSnapshot, Title: "There is no picture of the camera now",
		Cause: "The camera is being opened, its recording has ended, no clip has been scored in time for a heat map, " +
			"or too many pictures are being drawn.",
		Remedy: "Ask again in a moment; 'vigil status' shows the state of the camera and its reason.",
	},
	{
		Code: CameraFailed, Title: "The source failed",
		Cause: "The source could not be opened or read, for a reason without a code of its own; the error says " +
			"which.",
		Remedy: "Act on the error's text. A live camera is opened again forever; a recording is not.",
	},
	{
		Code: RecordingTruncated, Title: "The recording is cut off",
		Cause: "The file ends well before the time or size that its header promises, or is damaged.",
		Remedy: "Copy the file again; an interrupted recording can be repaired with FFmpeg, or used as far as it " +
			"goes.",
	},
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
	{
		Code: RequestInvalid, Title: "The request is not valid",
		Cause:  "A program sent the API something that it does not accept; nothing was changed.",
		Remedy: "Correct the parts that detail and fields name; /api/openapi.json describes every request.",
	},
	{
		Code: RequestNotFound, Title: "The API has nothing there",
		Cause: "No route has this path and method, or there is nothing of this name or number, or none that this " +
			"login may see.",
		Remedy: "Compare the address with /api/openapi.json, and the name with the list.",
	},
	{
		Code: RequestNoMatch, Title: "The request does not say which revision it changes",
		Cause:  "A change without If-Match could undo what somebody else has changed meanwhile; nothing was changed.",
		Remedy: "Read the camera, and send the ETag of that answer as If-Match.",
	},
	{
		Code: RequestTooLarge, Title: "The request is too large",
		Cause:  "The body has more bytes than the route accepts; nothing was changed.",
		Remedy: "Send less: a camera has at most 64 KiB, every other request 4 KiB.",
	},
	{
		Code: ServerClient, Title: "A client of the server inside vigil was refused or failed",
		Cause: "A program asked the NATS server inside vigil for what its account may not do, or the server " +
			"reports a problem.",
		Remedy: "Read the line; give that program an account with the rights that it needs " +
			"(nats.embedded.accounts).",
	},
	{
		Code: ServerControl, Title: "The control socket cannot be used",
		Cause: "control.sock in data_dir could not be opened, so 'vigil status' and 'vigil camera' do not reach this " +
			"vigil; the cameras are monitored all the same.",
		Remedy: "Act on the error: a shorter path of data_dir, its owner or its rights; then start vigil again.",
	},
	{
		Code: ServerUnstopped, Title: "A part did not end in time",
		Cause: "At the stop a connection or a process did not end; what waits on disk is sent after the next " +
			"start.",
		Remedy: "None. Where it comes again, check the server or camera that the line names.",
	},
	{
		Code: ServerNoHTTP, Title: "Metrics and health are not served: the HTTP address cannot be used",
		Cause: "Another program listens on the address of http.listen or http.pprof, often another vigil, or this " +
			"machine lacks it. Cameras and alerts go on.",
		Remedy: "Find the program (ss -ltnp), or set http.listen to a free port or to off, and start vigil again.",
	},
	{
		Code: ServerInternal, Title: "An answer could not be made",
		Cause:  "The request was valid; the fault is vigil's.",
		Remedy: "Read the log of that time, and report it with the version.",
	},
	{
		Code: ServerUnreachable, Title: "The vigil of --server does not answer",
		Cause: "The name is unknown, nothing listens at the address, a firewall is in between, or the machine is too " +
			"slow.",
		Remedy: "Compare the address with the line 'HTTP listens' of its log; http.listen there must be an address " +
			"that this machine reaches.",
	},
	{
		Code: ServerNotVigil, Title: "What answers is not a vigil of this version",
		Cause: "The address is that of another program or of a page in front of it, or vigil there has another " +
			"version.",
		Remedy: "Compare --server with the line 'HTTP listens' of the log there, and the versions ('vigil version').",
	},
	{
		Code: ServerCertificate, Title: "The certificate of --server is not trusted",
		Cause: "It is signed by an authority that this machine does not know, or by nobody, is for another name, or " +
			"has expired.",
		Remedy: "Give --ca with the authority's certificate, or with the server's own if nobody signed it; use a " +
			"name that it is for; or renew it (http.tls there).",
	},
	{
		Code: ServerBusy, Title: "Too much is asked for at once",
		Cause: "A login or an address has as many streams of events as it may have, or vigil serves as many, or as " +
			"much " +
			"evidence, as it can.",
		Remedy: "Close other screens and programs that follow events, and try again after the time of Retry-After.",
	},
	{
		Code: AccessLogin, Title: "This needs a login",
		Cause: "The request has no login. Without one it is only possible to look, and only on an address that " +
			"nobody but this machine reaches.",
		Remedy: "Give a token as 'Authorization: Bearer TOKEN' (make one with 'vigil token add'), log in with a " +
			"user's password, or use the address that 'vigil open' prints.",
	},
	{
		Code: AccessDenied, Title: "This login may not do that",
		Cause: "The role of the user or the token is not enough, or it is limited to other cameras.",
		Remedy: "Use another login, or make one with the role operate or with more cameras ('vigil user add', " +
			"'vigil token add').",
	},
	{
		Code: AccessWrongLogin, Title: "The login is wrong",
		Cause: "There is no such user, the password is wrong, or the token or the one-time address is wrong, has " +
			"expired, was used or was revoked.",
		Remedy: "Compare with 'vigil user list' and 'vigil token list'; 'vigil open' prints another one-time " +
			"address. If the log has many of them, somebody is guessing.",
	},
	{
		Code: AccessLimited, Title: "There were too many logins",
		Cause:  "Too many wrong logins came from this address, for this user or in all, or too many at once.",
		Remedy: "Wait for as long as the answer says (Retry-After). Tokens, sessions and the socket are not affected.",
	},
	{
		Code: AccessOrigin, Title: "A page of another site asked",
		Cause: "The request names another host than this machine, or a browser sent it for a page of another site " +
			"(Host, Origin or Sec-Fetch-Site).",
		Remedy: "Open the address as vigil logs it, such as http://127.0.0.1:8080. For another name give http.listen " +
			"an address that other machines reach, with TLS and logins.",
	},
	{
		Code: AccessFile, Title: "Users and tokens cannot be read or stored",
		Cause: "access.json in data_dir is damaged, of a newer version, open to every user of this machine, or it " +
			"cannot be read or written. Until then nobody can log in.",
		Remedy: "Act on the error. The file may be deleted: then make users and tokens again.",
	},
	{
		Code: AccessName, Title: "The name of a user or a token is taken or unknown",
		Cause:  "There is a user or a token of this name already, or there is none to remove.",
		Remedy: "Look the names up with 'vigil user list' or 'vigil token list'.",
	},
	{
		Code: AccessNone, Title: "Other machines would reach vigil, and there is no login",
		Cause: "http.listen is an address that other machines reach, and data_dir has neither a user nor a token " +
			"that has not expired.",
		Remedy: "Make one with 'vigil user add' or 'vigil token add', or set http.listen to an address of this " +
			"machine, such as 127.0.0.1:8080.",
	},
	{
		Code: AccessTLS, Title: "The TLS certificate cannot be used",
		Cause: "A file of http.tls cannot be read, is not PEM, or the key is not that of the certificate. One that " +
			"was read before goes on.",
		Remedy: "Correct the files; while vigil runs they are read again by themselves.",
	},
	{
		Code: AccessInsecure, Title: "Passwords and pictures cross the network readable",
		Cause:  "http.insecure is true: http.listen is an address that other machines reach, without TLS.",
		Remedy: "Set http.tls.cert and http.tls.key, or leave it where something in front of vigil has TLS.",
	},
}
