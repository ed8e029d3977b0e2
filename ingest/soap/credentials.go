package soap

// SecurityNamespace is that of WS-Security 1.0.
const SecurityNamespace = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"

// Credentials are who asks, as the header of an envelope says. Each is "" if it is not there.
type Credentials struct {
	// Username and Password are those of the UsernameToken (WS-Security UsernameToken Profile 1.0, PasswordText).
	Username, Password string
	// Token is an access token: that of a fueloauth header, in whatever namespace, or of the oAuth header that was before it,
	// which comes with a UsernameToken that says nothing.
	Token string
}

func credentialsOf(header *Element) Credentials {
	user := header.Child("Security").Child("UsernameToken")
	c := Credentials{
		Username: user.Child("Username").Value(),
		Password: user.Child("Password").Value(),
		Token:    header.Child("fueloauth").Value(),
	}
	if c.Token == "" {
		c.Token = header.Child("oAuth").Child("oAuthToken").Value()
	}
	return c
}
