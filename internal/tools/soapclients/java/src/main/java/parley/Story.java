package parley;

import jakarta.xml.ws.BindingProvider;
import jakarta.xml.ws.handler.Handler;
import jakarta.xml.ws.soap.SOAPFaultException;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import partner.*;

/** What a team that moves to Parley does with the client that was made for it, step by step; the first that fails ends it. */
public final class Story {
    private static final long PATIENCE_MS = 30_000;

    private final String url;
    private final Soap soap;
    private final String run = "java " + ProcessHandle.current().pid() + "-" + System.currentTimeMillis();

    private Story(String url, String key) throws Exception {
        this.url = url;
        this.soap = open(key);
    }

    public static void main(String[] args) throws Exception {
        Story story = new Story(System.getenv("PARLEY_URL"), System.getenv("PARLEY_KEY"));
        story.conversationOutOfOrder();
        story.failureAndResubmission();
        story.synchronous();
        story.refusals();
        System.out.println("java: all is well");
    }

    private Soap open(String key) throws Exception {
        PartnerAPI service = new PartnerAPI(URI.create(url + "/Service.asmx?wsdl").toURL());
        Soap port = service.getSoap();
        ((BindingProvider) port).getBinding().setHandlerChain(List.<Handler>of(new UsernameToken(key)));
        return port;
    }

    private void conversationOutOfOrder() throws InterruptedException {
        String conversation = run + " in order";
        for (int n : new int[] {3, 1, 2}) {
            accepted(create(soap, row(conversation + " " + n, "object-" + n), part(conversation, n, 3)));
        }
        Map<String, ResultItem> items = items("ConversationID", conversation, 3);
        for (int n = 1; n <= 3; n++) {
            ResultItem item = items.get("object-" + n);
            equal("OK", item.getStatusCode());
            equal(conversation, item.getConversationID());
            equal("DataExtensionObject", item.getRequestObjectType());
            equal(RequestType.ASYNCHRONOUS, item.getRequestType());
        }
    }

    private void failureAndResubmission() throws InterruptedException {
        String conversation = run + " fails";
        // The second creates the object of the first once more, which the backend refuses; the third is then not carried out.
        accepted(create(soap, row(conversation + " 1", "object-2"), part(conversation, 2, 3)));
        accepted(create(soap, row(conversation + " 3", "object-3"), part(conversation, 3, 3)));
        accepted(create(soap, row(conversation + " 1", "object-1"), part(conversation, 1, 3)));
        Map<String, ResultItem> items = items("ConversationID", conversation, 3);
        equal("OK", items.get("object-1").getStatusCode());
        equal("Error", items.get("object-2").getStatusCode());
        equal(true, items.get("object-2").getErrorCode() > 0);
        equal("Error", items.get("object-3").getStatusCode());

        String again = run + " again";
        accepted(create(soap, row(conversation + " 3", "object-3"), part(again, 2, 2)));
        accepted(create(soap, row(conversation + " 2", "object-2"), part(again, 1, 2)));
        items = items("ConversationID", again, 2);
        equal("OK", items.get("object-2").getStatusCode());
        equal("OK", items.get("object-3").getStatusCode());
    }

    private void synchronous() {
        accepted(create(soap, row(run, "once"), new CreateOptions()));
        CreateResponse twice = create(soap, row(run, "twice"), new CreateOptions());
        equal("Error", twice.getOverallStatus());
        equal("Error", twice.getResults().get(0).getStatusCode());
    }

    private void refusals() throws Exception {
        CreateOptions options = part(run + " synchronous", 1, 1);
        options.setRequestType(null);
        CreateResponse refused = create(soap, row("never", "never"), options);
        equal("Error", refused.getOverallStatus());
        equal(209, refused.getResults().get(0).getErrorCode());

        equal("Error: Unable to find a handler for object type: NoSuchType.", retrieve("NoSuchType", "ID", "1").getOverallStatus().split(" Object")[0]);
        try {
            create(open(System.getenv("PARLEY_REVOKED_KEY")), row("never", "never"), new CreateOptions());
        } catch (SOAPFaultException e) {
            equal("Login failed", e.getFault().getFaultString());
            equal("Security", e.getFault().getFaultCodeAsQName().getLocalPart());
            return;
        }
        throw new AssertionError("a wrong key is let in");
    }

    private static DataExtensionObject row(String key, String correlation) {
        APIProperty email = new APIProperty();
        email.setName("Email");
        email.setValue("<ü & \"ß\">");
        DataExtensionObject row = new DataExtensionObject();
        row.setCustomerKey(key);
        row.setCorrelationID(correlation);
        row.setProperties(new ObjectExtension.Properties());
        row.getProperties().getProperty().add(email);
        return row;
    }

    private static CreateOptions part(String conversation, int sequence, int calls) {
        CreateOptions options = new CreateOptions();
        options.setRequestType(RequestType.ASYNCHRONOUS);
        options.setConversationID(conversation);
        options.setSequenceCode(sequence);
        options.setCallsInConversation(calls);
        return options;
    }

    private static CreateResponse create(Soap port, APIObject object, CreateOptions options) {
        CreateRequest request = new CreateRequest();
        request.setOptions(options);
        request.getObjects().add(object);
        return port.create(request);
    }

    private static void accepted(CreateResponse reply) {
        equal("OK", reply.getOverallStatus());
        equal(1, reply.getResults().size());
        equal("OK", reply.getResults().get(0).getStatusCode());
    }

    private RetrieveResponseMsg retrieve(String type, String property, String value) {
        SimpleFilterPart filter = new SimpleFilterPart();
        filter.setProperty(property);
        filter.setSimpleOperator(SimpleOperators.EQUALS);
        filter.getValue().add(value);
        RetrieveRequest request = new RetrieveRequest();
        request.setObjectType(type);
        request.getProperties().addAll(List.of("RequestID", "ConversationID", "CorrelationID", "StatusCode", "ErrorCode", "RequestType", "RequestObjectType"));
        request.setFilter(filter);
        RetrieveRequestMsg message = new RetrieveRequestMsg();
        message.setRetrieveRequest(request);
        return soap.retrieve(message);
    }

    /** Polls until there are as many results, and returns them by their CorrelationID. */
    private Map<String, ResultItem> items(String property, String value, int count) throws InterruptedException {
        long deadline = System.currentTimeMillis() + PATIENCE_MS;
        while (true) {
            RetrieveResponseMsg reply = retrieve("ResultItem", property, value);
            equal("OK", reply.getOverallStatus());
            if (reply.getResults().size() == count) {
                Map<String, ResultItem> items = new TreeMap<>();
                reply.getResults().forEach(item -> items.put(item.getCorrelationID(), (ResultItem) item));
                return items;
            }
            if (System.currentTimeMillis() > deadline) {
                throw new AssertionError(reply.getResults().size() + " of " + count + " results after " + PATIENCE_MS + " ms");
            }
            Thread.sleep(100);
        }
    }

    private static void equal(Object want, Object got) {
        if (!want.equals(got)) {
            throw new AssertionError("got " + got + ", want " + want);
        }
    }
}
