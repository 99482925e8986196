package errcode

// cameraEntries are the codes of cameras and recordings.
var cameraEntries = []Entry{
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
}
