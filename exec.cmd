@rem For npm start on Windows, where cmd.exe has no exec: runs the command that follows it.
@%*
