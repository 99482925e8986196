package errcode

// serverEntries are the codes of what is asked over HTTP, and of who may.
var serverEntries = []Entry{
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
		Code: ServerNoHTTP, Title: "API, metrics and health are not served: the HTTP address cannot be used",
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
