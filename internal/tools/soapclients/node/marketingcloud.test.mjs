// @marketing-cloud/soap, which has node-soap make its client of the WSDL that Parley serves.
import MarketingCloudSOAP from "@marketing-cloud/soap";
import { id, story, url } from "./story.mjs";

story("@marketing-cloud/soap", (clientSecret) => {
  const client = new MarketingCloudSOAP({ clientId: id, clientSecret, authUrl: url });
  return {
    async create(object, options) {
      try {
        return await client.create("DataExtensionObject", object, options);
      } catch (e) {
        if (!e.result?.OverallStatus) throw e;
        return e.result;
      }
    },
    retrieve: (type, properties, filter) => client.retrieve(type, properties, { Filter: simple(filter) }),
    refusal: /./,
  };
});

const simple = ({ leftOperand, operator, rightOperand }) => ({
  attributes: { "xsi:type": "SimpleFilterPart" },
  Property: leftOperand,
  SimpleOperator: operator,
  Value: rightOperand,
});
