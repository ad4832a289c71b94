package wechat

import "github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"

// Advice says what an operator can do about the failure.
func (f *Failure) Advice() errcode.Advice {
	if f.Egress != "" {
		return errcode.Advice{
			EN: "The egress proxy of HTTPS_PROXY (or HTTP_PROXY) failed, not WeChat: check its address, its user and password, and that it allows CONNECT to WeChat's hosts on port 443.",
			ZH: "失败的是 HTTPS_PROXY（或 HTTP_PROXY）指定的出口代理，不是微信：请检查其地址、用户名密码，以及是否允许 CONNECT 到微信域名的 443 端口。",
		}
	}
	switch f.Kind {
	case NoSuchHost:
		return errcode.Advice{
			EN: "Check the spelling in WECHAT_UPSTREAMS or WECOM_UPSTREAMS, and that this machine's DNS (in a container: its resolv.conf) resolves public names.",
			ZH: "请检查 WECHAT_UPSTREAMS / WECOM_UPSTREAMS 的拼写，以及本机（或容器 resolv.conf）的 DNS 能否解析公网域名。",
		}
	case DNSTimeout, DNSFailed:
		return errcode.Advice{
			EN: "This machine's DNS does not work: check /etc/resolv.conf (in a container: the cluster's DNS) and that port 53 is open.",
			ZH: "本机 DNS 不可用：请检查 /etc/resolv.conf（容器请检查集群 DNS）以及 53 端口是否放行。",
		}
	case Refused:
		return errcode.Advice{
			EN: "Nothing listens there: check host and port in WECHAT_UPSTREAMS or WECOM_UPSTREAMS, and look for a stale hosts file.",
			ZH: "该地址无服务监听：请检查 WECHAT_UPSTREAMS / WECOM_UPSTREAMS 的主机与端口，以及过期的 hosts 配置。",
		}
	case NotTLS, CertName, TLSFailed:
		return errcode.Advice{
			EN: "Something other than WeChat answers there: check WECHAT_UPSTREAMS or WECOM_UPSTREAMS, DNS and the hosts file, and HTTP proxies in between.",
			ZH: "应答方不是微信：请检查 WECHAT_UPSTREAMS / WECOM_UPSTREAMS、DNS 与 hosts 配置，以及中间的 HTTP 代理。",
		}
	case CertExpired:
		return errcode.Advice{
			EN: "Set this machine's clock (NTP). If it is right, something other than WeChat answers there.",
			ZH: "请校准本机时间（NTP）。若本机时间正确，则应答方不是微信。",
		}
	case CertUntrusted:
		return errcode.Advice{
			EN: "Install the system's CA certificates (package ca-certificates). If your company's gateway inspects TLS, name its CA in SSL_CERT_FILE or exempt WeChat's hosts.",
			ZH: "请安装系统 CA 证书（ca-certificates）。若公司网关解密 TLS，请用 SSL_CERT_FILE 指定其 CA，或将微信域名加入例外。",
		}
	case NoDescriptors:
		return errcode.Advice{
			EN: "Raise the limit of open files of this process (ulimit -n, LimitNOFILE).",
			ZH: "请提高本进程的打开文件数上限（ulimit -n、LimitNOFILE）。",
		}
	case BreakerOpen:
		return errcode.Advice{
			EN: "WeChat's hosts failed several times in a row; the proxy tries them again by itself.",
			ZH: "微信的主机连续失败，代理会自动重试。",
		}
	case NotHTTP, BadAnswer:
		return errcode.Advice{
			EN: "The answer is not WeChat's, or WeChat has a problem: try again; if it persists, look for a captive portal, an HTTP proxy, or a wrong WECHAT_UPSTREAMS or WECOM_UPSTREAMS.",
			ZH: "应答不是微信的格式，或微信暂时异常：请重试；若仍如此，请检查认证门户、HTTP 代理或 WECHAT_UPSTREAMS / WECOM_UPSTREAMS 设置。",
		}
	}
	return errcode.Advice{
		EN: "Let this machine reach WeChat's hosts on port 443: check firewall, security group, NAT and egress policy; or set HTTPS_PROXY.",
		ZH: "请放行本机到微信域名 443 端口的出站访问（防火墙、安全组、NAT、出口策略），或设置 HTTPS_PROXY。",
	}
}
